package supervision

import "strings"

// Status says how the ledger and its tables are.
type Status struct {
	Origin   string   `json:"origin" doc:"Name of the log in its checkpoints."`
	Version  string   `json:"version" doc:"Version of the program."`
	Size     uint64   `json:"size" doc:"Entries on the log that are durable and signed."`
	Applied  uint64   `json:"applied" doc:"Entries in the tables that answer."`
	Lag      uint64   `json:"lag" doc:"Entries on the log that are not in the tables yet."`
	Running  bool     `json:"running" doc:"False once the ledger stopped by itself, and where it is only read: it answers, and takes nothing in."`
	ReadOnly bool     `json:"readOnly,omitzero" doc:"Opened for reading: nothing is taken in, recorded or signed."`
	Damaged  []string `json:"damaged,omitempty" doc:"Every place that is known not to be what was signed, at most 1,000: entries in order, then the index. asOf.damaged has the numbers."`
	Stopped  string   `json:"stopped,omitzero" doc:"Why it stopped. Where stored bytes are not what was signed, it names the entries."`
	Waiting  string   `json:"waiting,omitzero" doc:"Why a running ledger takes nothing in for now: the disk is nearly full. Submissions wait on the bus."`
}

// Status says how the ledger and its tables are. The version is the caller's.
func (d *Desk) Status(version string) (*Answer[Status], error) {
	v := d.tables.View()
	asOf := d.asOf(v)
	asOf.Checkpoint = string(d.log.Checkpoint())
	origin, _, _ := strings.Cut(asOf.Checkpoint, "\n")
	size := max(d.log.Head().Size, asOf.Size)
	s := Status{Origin: origin, Version: version, Size: size, Applied: asOf.Size, Lag: size - asOf.Size, ReadOnly: d.log.ReadOnly()}
	s.Running = !s.ReadOnly
	if known := d.log.Damaged(); known != nil {
		for _, m := range known.Found {
			s.Damaged = append(s.Damaged, m.Error())
		}
	}
	if err := d.log.Err(); err != nil {
		s.Running, s.Stopped = false, err.Error()
	}
	if err := d.log.Full(); err != nil && s.Running {
		s.Waiting = err.Error()
	}
	return &Answer[Status]{AsOf: asOf, Item: s}, nil
}
