package supervision

import (
	"fmt"
	"strconv"

	"civicledger/events"
)

// NotFound says that nothing is known under a name, and what to ask instead.
type NotFound struct {
	What string // "fund", "organisation", "entry"
	Key  string // as it was asked for
	Cure string // a hint for whoever asked
}

func (e *NotFound) Error() string {
	return fmt.Sprintf("no %s %s", e.What, strconv.Quote(events.Short(e.Key, 300)))
}

// BadQuestion says that a question cannot be understood, and where.
type BadQuestion struct {
	Place  string // name of the parameter
	Value  string // as it was given
	Reason string // what was expected
}

func (e *BadQuestion) Error() string {
	return fmt.Sprintf("%s %s: %s", e.Place, strconv.Quote(e.Value), e.Reason)
}

// Behind says that the tables did not get as far as was asked in time.
type Behind struct {
	Want uint64 // index of an entry the answer was to rest on
	Have uint64 // entries applied so far
	Head uint64 // entries on the log
}

func (e *Behind) Error() string {
	if e.Want >= e.Head {
		return fmt.Sprintf("entry %d is not on the log, which has %d entries", e.Want, e.Head)
	}
	return fmt.Sprintf("entry %d is not applied yet: %d of the log's %d entries are", e.Want, e.Have, e.Head)
}
