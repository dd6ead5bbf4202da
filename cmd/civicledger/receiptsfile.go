package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"civicledger/ledger/chain"
)

// receiptsTo is where receipts go.
type receiptsTo struct {
	io.Writer
	file *os.File            // nil: it is not ours
	held map[chain.Hash]bool // what it held receipts of before
}

// openReceipts opens a file of receipts to append to, "" or "-" being out. A last
// line that was cut off is mended first: the next receipt would be glued to it.
func openReceipts(name string, out, messages io.Writer) (*receiptsTo, error) {
	if name == "" || name == "-" {
		return &receiptsTo{Writer: out}, nil
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	held := map[chain.Hash]bool{}
	for line := range bytes.Lines(text) {
		if r, err := chain.ParseReceipt(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			held[r.Submission] = true
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		err = mendReceipts(f, text, messages)
	}
	return &receiptsTo{f, f, held}, err
}

func (to *receiptsTo) write(r *chain.Receipt) error {
	if _, err := fmt.Fprintf(to, "%s\n", r.Encode()); err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	return nil
}

func (to *receiptsTo) close() error {
	if to.file == nil {
		return nil
	}
	return errors.Join(to.file.Sync(), to.file.Close())
}

// mendReceipts ends the last line of a file of receipts: with a line end where only
// that is missing, else by moving its bytes to a file beside it. If we stop before
// they are cut off, they stand in both.
func mendReceipts(f *os.File, text []byte, messages io.Writer) error {
	whole := bytes.LastIndexByte(text, '\n') + 1
	torn := text[whole:]
	if len(torn) == 0 {
		return nil
	}
	if _, err := chain.ParseReceipt(torn); err == nil {
		_, err := f.WriteString("\n")
		return err
	}
	aside, err := os.OpenFile(f.Name()+".torn", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = aside.Write(append(torn, '\n'))
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	fmt.Fprintf(messages, "%s: its last line was cut off: those %d bytes are now in %s; civicledger receipts gets what is lacking again\n", f.Name(), len(torn), aside.Name())
	return errors.Join(f.Truncate(int64(whole)), f.Sync())
}
