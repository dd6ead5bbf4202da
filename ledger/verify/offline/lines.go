package offline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"civicledger/ledger/chain"
)

// lineState is what is known of a line of an events file.
type lineState byte

const (
	lineFree    lineState = iota // no receipt is known to be for it
	lineProven                   // a receipt that holds is for it
	lineClaimed                  // a receipt that does not hold is for it
	lineLeftOut                  // in no submission: misshapen, or said to be left out
)

// eventLines is an events file by line, as civicledger submit reads it: LF ends
// a line, and so does CR LF. It keeps 9 bytes for each line and a part of the
// file, however large that is.
type eventLines struct {
	file   io.ReaderAt
	size   int64
	starts []int64 // where each line begins; one more for the end
	state  []lineState

	part []byte // of the file, from
	from int64
	room [partSize]byte
}

// partSize is what is read of a file at once: more than a submission.
const partSize = 4 << 20

// openLines goes through a file once.
func openLines(f *os.File, progress func(what string, done, total int64)) (*eventLines, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: it is read more than once", f.Name())
	}
	l := &eventLines{file: f, size: info.Size()}
	at := int64(0)
	mark := make([]byte, len(chain.ByteOrderMark))
	if n, _ := f.ReadAt(mark, 0); string(mark[:n]) == chain.ByteOrderMark {
		at = int64(n) // the file's, not the first line's
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f, at, l.size-at), partSize)
	for at < l.size {
		line, err := in.ReadSlice('\n')
		n := int64(len(line))
		state := lineFree
		for errors.Is(err, bufio.ErrBufferFull) {
			state = lineLeftOut // longer than any event
			line, err = in.ReadSlice('\n')
			n += int64(len(line))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if state == lineFree && chain.CheckLine(trimEnd(line)) != nil {
			state = lineLeftOut
		}
		l.starts, l.state = append(l.starts, at), append(l.state, state)
		at += n
		if n == 0 {
			return nil, fmt.Errorf("%s became shorter while it was read", f.Name())
		}
		if len(l.starts)%(1<<16) == 0 {
			progress("bytes of the file", at, l.size)
		}
	}
	l.starts = append(l.starts, l.size)
	return l, nil
}

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'})
}

func (l *eventLines) count() int { return len(l.state) }

// length is the most bytes that a line takes in a submission.
func (l *eventLines) length(i int) int { return int(l.starts[i+1] - l.starts[i]) }

// line returns a line without its end, valid until the next call.
func (l *eventLines) line(i int) ([]byte, error) {
	begin, end := l.starts[i], l.starts[i+1]
	if begin < l.from || end > l.from+int64(len(l.part)) {
		n, err := l.file.ReadAt(l.room[:min(partSize, l.size-begin)], begin)
		if err != nil {
			return nil, fmt.Errorf("read line %d: %w", i+1, err)
		}
		l.part, l.from = l.room[:n], begin
	}
	return trimEnd(l.part[begin-l.from : end-l.from]), nil
}

// lines returns copies of lines.
func (l *eventLines) lines(at []int) ([][]byte, error) {
	out := make([][]byte, len(at))
	for n, i := range at {
		line, err := l.line(i)
		if err != nil {
			return nil, err
		}
		out[n] = bytes.Clone(line)
	}
	return out, nil
}

// free returns the first count free lines from one on, below end; fewer where
// there are no more.
func (l *eventLines) free(from, end, count int) []int {
	at := make([]int, 0, count)
	for i := from; i < end && len(at) < count; i++ {
		if l.state[i] == lineFree {
			at = append(at, i)
		}
	}
	return at
}

func (l *eventLines) mark(at []int, state lineState) {
	for _, i := range at {
		l.state[i] = state
	}
}
