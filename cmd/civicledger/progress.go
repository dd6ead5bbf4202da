package main

import (
	"fmt"
	"io"
	"os"

	"github.com/cheggaaa/pb/v3"
)

// progressRows is how often a plain line tells how far an import is.
const progressRows = 50_000

// progress shows how far a file is read: a bar on a terminal, a plain line now
// and then elsewhere.
type progress struct {
	name string
	w    io.Writer
	bar  *pb.ProgressBar // nil unless w is a terminal
}

func newProgress(w io.Writer, name string) *progress {
	p := &progress{name: name, w: w}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		p.bar = pb.New64(0).SetWriter(w)
		p.bar.Set(pb.Bytes, true).Set("prefix", name+" ")
	}
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// reading counts what is read of in.
func (p *progress) reading(in io.Reader) io.Reader {
	if p.bar == nil {
		return in
	}
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			p.bar.SetTotal(info.Size())
		}
	}
	return p.bar.Start().NewProxyReader(in)
}

// row tells of another row, or of a preamble that is none.
func (p *progress) row(c *importCounts, preamble bool) {
	if p.bar == nil && !preamble && c.Rows%progressRows == 0 {
		fmt.Fprintf(p.w, "%s: %d rows, %d events, %d bad so far\n", p.name, c.Rows, c.Events, c.Bad)
	}
}

func (p *progress) finish() {
	if p.bar != nil && p.bar.IsStarted() {
		p.bar.Finish()
	}
}
