// Package tiles serves and exports the log in C2SP form (tlog-tiles): signed
// checkpoint, hash tiles and entry bundles, so that tools we did not write can
// audit us.
//
// It shows only what the newest checkpoint signs, and answers 404 to every
// path that is not written exactly as C2SP says. It judges nothing: readers
// verify what they get (ledger/verify).
package tiles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Log is what is shown, which is a *ledger.Ledger. Its methods may be called at
// once. Head is never older than a Checkpoint taken before it.
type Log interface {
	// Checkpoint returns the newest signed checkpoint.
	Checkpoint() []byte
	// Head returns the head that the newest checkpoint signs.
	Head() chain.Head
	// Tile returns the first width hashes of a tile that lies within Head.
	Tile(level int, n uint64, width int) ([]chain.Hash, error)
	// Commits yields whole commits from the one that holds entry from, within
	// Head; their bytes are valid until the next iteration.
	Commits(from uint64) iter.Seq2[*ledger.Commit, error]
}

// Cache headers: a tile or bundle, partial or not, never changes.
const (
	forever = "public, max-age=31536000, immutable"
	fresh   = "no-cache"
)

// New returns what serves /checkpoint, /tile/<L>/<N>[.p/<W>] and
// /tile/entries/<N>[.p/<W>]. What cannot be read is logged and answered with
// 500.
func New(log Log, logger *slog.Logger) http.Handler {
	s := &server{log: log, logger: logger}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", s.checkpoint)
	mux.HandleFunc("GET /tile/", s.tile)
	return mux
}

type server struct {
	log    Log
	logger *slog.Logger
}

func (s *server) checkpoint(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", fresh)
	_, _ = w.Write(s.log.Checkpoint())
}

func (s *server) tile(w http.ResponseWriter, r *http.Request) {
	at, ok := parsePath(strings.TrimPrefix(r.URL.EscapedPath(), "/tile/"))
	if !ok || !at.within(s.log.Head().Size) {
		http.NotFound(w, r)
		return
	}
	data, err := s.read(at)
	if err != nil {
		s.logger.Error("tile cannot be read", "path", r.URL.Path, "cause", err)
		http.Error(w, "cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", forever)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data)
}

func (s *server) read(at place) ([]byte, error) {
	if at.level == entriesLevel {
		return Bundle(s.log, at.n, at.width)
	}
	hashes, err := s.log.Tile(at.level, at.n, at.width)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, len(hashes)*len(chain.Hash{}))
	for i := range hashes {
		data = append(data, hashes[i][:]...)
	}
	return data, nil
}

// ErrShort says that the log ended before a bundle was full.
var ErrShort = errors.New("the log ends before")

// Bundle returns an entry bundle: the first width entries from 256n on, each
// behind its length as a big-endian uint16.
func Bundle(log Log, n uint64, width int) ([]byte, error) {
	first := n * chain.TileWidth
	end := first + uint64(width)
	var data []byte
	at := first
	for c, err := range log.Commits(first) {
		if err != nil {
			return nil, fmt.Errorf("bundle %d: %w", n, err)
		}
		for ; at < min(c.Head.Size, end); at++ {
			entry := c.Entries[at-c.Prev.Size]
			if len(entry) > 0xffff {
				return nil, fmt.Errorf("bundle %d: entry %d of %d bytes does not fit", n, at, len(entry))
			}
			data = binary.BigEndian.AppendUint16(data, uint16(len(entry)))
			data = append(data, entry...)
		}
		if at == end {
			return data, nil
		}
	}
	return nil, fmt.Errorf("bundle %d: entry %d: %w", n, at, ErrShort)
}

// entriesLevel stands for the entry bundles, which are no level of the tree.
const entriesLevel = -1

// place is a tile or bundle and how much of it.
type place struct {
	level int
	n     uint64
	width int // 1 to 256
}

// within says whether a log of that size has it.
func (p place) within(size uint64) bool {
	if p.level > 0 {
		size >>= min(8*p.level, 63)
	}
	return size/chain.TileWidth > p.n || (size/chain.TileWidth == p.n && size%chain.TileWidth >= uint64(p.width))
}

// parsePath reads <L>/<N>[.p/<W>] as C2SP writes it and nothing else.
func parsePath(path string) (place, bool) {
	first, rest, _ := strings.Cut(path, "/")
	p := place{level: entriesLevel, width: chain.TileWidth}
	ok := true
	if first != "entries" {
		p.level, ok = number(first, 63)
	}
	number3, partial, cut := strings.Cut(rest, ".p/")
	if cut {
		var valid bool
		p.width, valid = number(partial, chain.TileWidth-1)
		ok = ok && valid && p.width > 0
	}
	n, valid := tileNumber(number3)
	p.n = n
	return p, ok && valid && p.level <= 7
}

// number reads plain decimal digits up to a maximum.
func number(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= most && strconv.Itoa(n) == text
}

// tileNumber reads groups of three digits, all but the last behind an x, no
// leading group of zeros.
func tileNumber(text string) (uint64, bool) {
	groups := strings.Split(text, "/")
	if len(groups) > 6 {
		return 0, false
	}
	var n uint64
	for i, g := range groups {
		if i < len(groups)-1 {
			var ok bool
			if g, ok = strings.CutPrefix(g, "x"); !ok {
				return 0, false
			}
		}
		if len(g) != 3 || strings.Trim(g, "0123456789") != "" || (i == 0 && len(groups) > 1 && g == "000") {
			return 0, false
		}
		digits, err := strconv.Atoi(g)
		if err != nil {
			return 0, false
		}
		n = n*1000 + uint64(digits)
	}
	return n, true
}
