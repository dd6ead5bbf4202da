package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"civicledger/ledger/chain"
)

// openReceipts opens a file of receipts to append to, "" or "-" being out, and
// says which submissions it holds receipts of. A last line that was cut off is
// mended first: the next receipt would be glued to it.
func openReceipts(name string, out, messages io.Writer) (w io.Writer, done func() error, held map[chain.Hash]bool, err error) {
	if name == "" || name == "-" {
		return out, func() error { return nil }, nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil, err
	}
	held = map[chain.Hash]bool{}
	for line := range bytes.Lines(text) {
		if r, err := chain.ParseReceipt(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			held[r.Submission] = true
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		err = mendReceipts(f, text, messages)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return f, func() error { return errors.Join(f.Sync(), f.Close()) }, held, nil
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
