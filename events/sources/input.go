package sources

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// maxRow bounds what one row may hold, so that a file that is no table (or
// whose quote is never closed) does not end in memory.
const maxRow = 1 << 20

var errRowTooLong = errors.New("a row is longer than 1 MiB: is a quote never closed, or is this another kind of file?")

// input is a decompressed, decoded file without its byte order mark.
type input struct {
	name string
	r    io.Reader
	left int // bytes that may be read before the next call of next
}

func openInput(r io.Reader, opts Options) (*input, error) {
	in := &input{name: opts.Name}
	if in.name == "" {
		in.name = "input"
	}
	plain, err := decompressed(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", in.name, err)
	}
	decoded, err := decoded(plain, opts.Encoding)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(decoded)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := buffered.Discard(len(mark)); err != nil {
			return nil, fmt.Errorf("read %s: %w", in.name, err)
		}
	}
	in.r = buffered
	in.next()
	return in, nil
}

func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

func decoded(r io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "", "utf-8", "utf8":
		return r, nil
	case "gbk", "gb2312":
		return simplifiedchinese.GBK.NewDecoder().Reader(r), nil
	case "gb18030":
		return simplifiedchinese.GB18030.NewDecoder().Reader(r), nil
	}
	return nil, fmt.Errorf("encoding %q is not known: utf-8, gbk or gb18030", encoding)
}

// next allows another row.
func (in *input) next() { in.left = maxRow }

// Read fails once a row has taken more than maxRow bytes.
func (in *input) Read(p []byte) (int, error) {
	if in.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := in.r.Read(p)
	in.left -= n
	return n, err
}
