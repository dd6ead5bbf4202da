package sources

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Bounds of what is held in memory: a line, and a document that is no table.
const (
	maxRow      = 1 << 20
	maxDocument = 256 << 20
)

const byteOrderMark = "\xef\xbb\xbf"

// input is a decompressed file, read line by line or whole.
type input struct {
	name string
	r    *bufio.Reader
	line int // number of the line read last
	long []byte

	decoder *encoding.Decoder // nil: the file is UTF-8
	foreign bool              // something was met that is no UTF-8, as it should be with a decoder
}

func openInput(r io.Reader, opts Options) (*input, error) {
	in := &input{name: opts.Name}
	if in.name == "" {
		in.name = "input"
	}
	if err := in.decode(opts.Encoding); err != nil {
		return nil, err
	}
	plain, err := decompressed(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", in.name, err)
	}
	in.r = bufio.NewReaderSize(plain, 64<<10)
	if err := in.recognise(); err != nil {
		return nil, fmt.Errorf("read %s: %w", in.name, err)
	}
	return in, nil
}

func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(magic) != gzipMagic {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

func (in *input) decode(encoding string) error {
	switch strings.ToLower(encoding) {
	case "", "utf-8", "utf8":
	case "gbk", "gb2312":
		in.decoder = simplifiedchinese.GBK.NewDecoder()
	case "gb18030":
		in.decoder = simplifiedchinese.GB18030.NewDecoder()
	default:
		return fmt.Errorf("encoding %q is not known: utf-8, gbk or gb18030", encoding)
	}
	return nil
}

const gzipMagic = "\x1f\x8b"

// notText is what files that are no table and no JSON begin with.
var notText = []struct{ magic, is string }{
	{"PK\x03\x04", "this is an Excel file (.xlsx) or an archive: save it as CSV UTF-8"},
	{"\xd0\xcf\x11\xe0", "this is an old Excel file (.xls): save it as CSV UTF-8"},
	{"\xff\xfe", "this is UTF-16: save it as CSV UTF-8"},
	{"\xfe\xff", "this is UTF-16: save it as CSV UTF-8"},
	{"%PDF", "this is a PDF: ask the publisher for the table"},
	{gzipMagic, "the file is compressed twice: unpack it once"},
	{"<", "the publisher answered with a web page: fetch the file again"},
}

// recognise names a file that cannot be read as what it is, and passes over a
// byte order mark.
func (in *input) recognise() error {
	begin, err := in.r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	marked := bytes.HasPrefix(begin, []byte(byteOrderMark))
	begin = bytes.TrimLeft(bytes.TrimPrefix(begin, []byte(byteOrderMark)), " \t\r\n")
	for _, kind := range notText {
		if bytes.HasPrefix(begin, []byte(kind.magic)) {
			return errors.New(kind.is)
		}
	}
	switch {
	case bytes.IndexByte(begin, 0) >= 0:
		return errors.New("this is UTF-16 without its mark, or no text: save it as CSV UTF-8")
	case marked && in.decoder != nil:
		return errors.New("the file says itself that it is UTF-8: leave --encoding out")
	case marked:
		_, err = in.r.Discard(len(byteOrderMark))
		return err
	}
	return nil
}

var errRowTooLong = errors.New("a line is longer than 1 MiB: is this another kind of file, or do its lines end in CR alone?")

// next reads a line without its end. It returns io.EOF after the last.
func (in *input) next() (string, error) {
	line, err := in.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		in.long = append(in.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(in.long) <= maxRow {
			line, err = in.r.ReadSlice('\n')
			in.long = append(in.long, line...)
		}
		line = in.long
	}
	if len(line) > maxRow {
		return "", fmt.Errorf("read %s line %d: %w", in.name, in.line+1, errRowTooLong)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s: %w", in.name, err)
	}
	if len(line) == 0 {
		return "", io.EOF
	}
	in.line++
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	return in.text(line)
}

// all is the rest of the file.
func (in *input) all() (string, error) {
	whole, err := io.ReadAll(io.LimitReader(in.r, maxDocument+1))
	if err == nil && len(whole) > maxDocument {
		err = fmt.Errorf("the document is larger than %d MiB", maxDocument>>20)
	}
	if err != nil {
		return "", err
	}
	text, err := in.text(whole)
	if err == nil {
		err = wellEncoded("", text)
	}
	return text, err
}

// text decodes a line or a document. Where another encoding than UTF-8 was
// named, what is sound UTF-8 is refused: read as GBK it would be other
// characters. Two bytes that are sound by chance stand in many a GBK file, so
// they count only until something was met that is none.
func (in *input) text(raw []byte) (string, error) {
	if in.decoder == nil || isASCII(raw) {
		return string(raw), nil
	}
	sound := utf8.Valid(raw)
	if sound && (!in.foreign || bytes.ContainsFunc(raw, func(r rune) bool { return r >= 0x800 })) {
		return string(raw), badRow("the bytes are sound UTF-8 and would be read as other characters: leave --encoding out")
	}
	in.foreign = in.foreign || !sound
	decoded, err := in.decoder.Bytes(raw)
	return string(decoded), err
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// wellEncoded refuses text that lost characters on its way.
func wellEncoded(column, text string) error {
	if utf8.ValidString(text) && !strings.Contains(text, string(utf8.RuneError)) {
		return nil
	}
	return badCell(column, clip(strings.ToValidUTF8(text, "?")), "is not in the file's encoding: try --encoding gb18030")
}
