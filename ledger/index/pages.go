package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Event keys and the hashes of leaves are one value for each entry, in the
// order of the log: a file of equal pages holds them at the price of writing
// them once. Badger would sort and copy each of them four times.
const (
	keysFile  = "keys.pages"  // page n: keys of the entries 256n and following
	tilesFile = "tiles.pages" // page n: the hash tile n of level 0

	trailerSize = 8 // of a page: number of items, checksum; 4 bytes each
)

// errNoPage says that a page is not there as it was written: never, or not
// any more.
var errNoPage = errors.New("a page is missing or damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pages is a file of pages of chain.TileWidth items, each page followed by its
// trailer. The checksum covers the ledger, the page's number, the number of
// items and the items, so that neither a page in another's place nor one of
// another ledger passes. One goroutine writes; any number may read what is not
// being written.
type pages struct {
	name     string
	itemSize int
	file     *os.File
	seed     uint32 // checksum of the ledger's name
	buf      []byte // the writer's
}

// openPages opens a file of pages and makes it if there is none and it may.
func openPages(dir, name string, itemSize int, owner chain.Hash, readOnly bool) (*pages, error) {
	flags := os.O_RDWR | os.O_CREATE
	if readOnly {
		flags = os.O_RDONLY
	}
	file, err := os.OpenFile(filepath.Join(dir, name), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &pages{name: name, itemSize: itemSize, file: file, seed: crc32.Checksum(owner[:], castagnoli)}, nil
}

// pageSize is the size of a page with its trailer in bytes.
func (p *pages) pageSize() int { return chain.TileWidth*p.itemSize + trailerSize }

func (p *pages) checksum(n uint64, page []byte) uint32 {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], n)
	sum := crc32.Update(p.seed, castagnoli, number[:])
	return crc32.Update(sum, castagnoli, page[:len(page)-4])
}

// begin starts a run of pages that follow each other; add adds the next.
func (p *pages) begin() { p.buf = p.buf[:0] }

// add adds page n with its items, at most chain.TileWidth of them.
func (p *pages) add(n uint64, items []byte) {
	start := len(p.buf)
	p.buf = append(p.buf, items...)
	for len(p.buf) < start+chain.TileWidth*p.itemSize {
		p.buf = append(p.buf, 0)
	}
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(len(items)/p.itemSize))
	p.buf = append(p.buf, 0, 0, 0, 0)
	page := p.buf[start:]
	binary.BigEndian.PutUint32(page[len(page)-4:], p.checksum(n, page))
}

// write writes the run, whose first page is n. It is durable after sync; a
// page that a power cut tore fails its checksum.
func (p *pages) write(n uint64) error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.file.WriteAt(p.buf, int64(n)*int64(p.pageSize()))
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ledger.ErrNoSpace, err) // nothing counts that the position has not passed
	}
	return err
}

// check returns the items of a page as it stands in the file.
func (p *pages) check(n uint64, page []byte) ([]byte, error) {
	body := len(page) - trailerSize
	count := binary.BigEndian.Uint32(page[body:])
	if count == 0 || count > chain.TileWidth || p.checksum(n, page) != binary.BigEndian.Uint32(page[body+4:]) {
		return nil, fmt.Errorf("%s: page %d: %w", p.name, n, errNoPage)
	}
	return page[:int(count)*p.itemSize], nil
}

// read returns the items of page n; it uses buf if that is large enough.
func (p *pages) read(n uint64, buf []byte) ([]byte, error) {
	if cap(buf) < p.pageSize() {
		buf = make([]byte, p.pageSize())
	}
	buf = buf[:p.pageSize()]
	_, err := p.file.ReadAt(buf, int64(n)*int64(p.pageSize()))
	if errors.Is(err, io.EOF) {
		return nil, damaged("%s: page %d: %w", p.name, n, errNoPage)
	}
	if err != nil {
		return nil, err
	}
	items, err := p.check(n, buf)
	if err != nil {
		return nil, damaged("%w", err)
	}
	return items, nil
}

// scanPages is how many pages scan reads at once.
const scanPages = 128

// scan reads the pages from first on, up to until, and calls f with each that is
// as it was written, up to one that is not or for which f is false. It returns
// the number of items in them; only the last page may hold less than all.
func (p *pages) scan(first, until uint64, f func(n uint64, items []byte) bool) (count uint64, err error) {
	buf := make([]byte, scanPages*p.pageSize())
	for n := first; n < until; {
		part := buf[:min(scanPages, until-n)*uint64(p.pageSize())]
		have, err := p.file.ReadAt(part, int64(n)*int64(p.pageSize()))
		if err != nil && !errors.Is(err, io.EOF) {
			return count, fmt.Errorf("%s: %w", p.name, err)
		}
		for part = part[:have]; len(part) >= p.pageSize(); part = part[p.pageSize():] {
			items, err := p.check(n, part[:p.pageSize()])
			if err != nil {
				return count, nil
			}
			goOn := f(n, items)
			count += uint64(len(items) / p.itemSize)
			if n++; !goOn || count < (n-first)*chain.TileWidth {
				return count, nil
			}
		}
		if err != nil {
			return count, nil
		}
	}
	return count, nil
}

func (p *pages) sync() error { return p.file.Sync() }

func (p *pages) close() error { return p.file.Close() }
