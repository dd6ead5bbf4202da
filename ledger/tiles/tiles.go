// Package tiles serves and exports the log in C2SP form (tlog-tiles): signed
// checkpoint, hash tiles and entry bundles, so that tools we did not write can
// audit us.
//
// It shows only what the newest checkpoint signs, and answers 404 to every
// path that is not written exactly as C2SP says. It judges nothing: readers
// verify what they get (ledger/verify).
package tiles

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
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

// What caches may do; DESIGN.md says why.
const (
	// forever is for full tiles and bundles, which never change.
	forever = "public, max-age=31536000, immutable"
	// anHour is for partial ones, which never change either, but are asked for
	// only while they are the right edge.
	anHour = "public, max-age=3600, immutable"
	// fresh is for the checkpoint: kept, but never shown without asking us.
	fresh = "no-cache"
	// never is for what is not there: it may be there a second later.
	never = "no-store"
)

// New returns what serves /checkpoint, /tile/<L>/<N>[.p/<W>] and
// /tile/entries/<N>[.p/<W>], by GET and HEAD. What cannot be read is logged and
// answered with 500, or 503 where it is damaged. It keeps up to 32 MiB of entry bundles in memory.
func New(log Log, logger *slog.Logger) http.Handler {
	s := &server{log: log, logger: logger, shelf: newShelf(log, shelfBytes)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", s.checkpoint)
	mux.HandleFunc("GET /tile/", s.tile)
	return mux
}

type server struct {
	log    Log
	logger *slog.Logger
	shelf  *shelf
}

func (s *server) checkpoint(w http.ResponseWriter, r *http.Request) {
	data := s.log.Checkpoint()
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("Cache-Control", fresh)
	w.Header().Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	answer(w, data)
}

// matches says whether an If-None-Match names the tag (RFC 9110, 13.1.2).
func matches(fields []string, tag string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

func (s *server) tile(w http.ResponseWriter, r *http.Request) {
	at, ok := parsePath(strings.TrimPrefix(r.URL.EscapedPath(), "/tile/"))
	if !ok || !at.within(s.log.Head().Size) {
		refuse(w, http.StatusNotFound, "the log has no such tile or bundle")
		return
	}
	gzipped := false
	if at.level == entriesLevel {
		// Hash tiles are noise to a compressor; entries shrink to a fraction.
		w.Header().Set("Vary", "Accept-Encoding")
		gzipped = acceptsGzip(r.Header.Values("Accept-Encoding"))
	}
	data, err := s.read(at, gzipped)
	if err != nil {
		if errors.Is(err, ledger.ErrDamaged) { // the ledger has said so
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		s.logger.Error("tile cannot be read", "path", r.URL.Path, "cause", err)
		refuse(w, http.StatusInternalServerError, "cannot be read")
		return
	}
	if gzipped {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", anHour)
	if at.width == chain.TileWidth {
		w.Header().Set("Cache-Control", forever)
	}
	answer(w, data)
}

// answer sends data whole; net/http drops it where only the header is asked.
func answer(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data)
}

// refuse says no. Without a header of its own a cache may keep a 404 for
// minutes, and the tile that is missing now is written next.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", never)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// read returns the bytes of a tile or bundle, compressed or not.
func (s *server) read(at place, gzipped bool) ([]byte, error) {
	switch {
	case at.level != entriesLevel:
		return hashTile(s.log, at)
	case at.width == chain.TileWidth && gzipped:
		return s.shelf.gzipped(at.n)
	case at.width == chain.TileWidth:
		return s.shelf.bundle(at.n)
	}
	data, err := Bundle(s.log, at.n, at.width)
	if err == nil && gzipped {
		data = compress(data)
	}
	return data, err
}

// hashTile returns the bytes of a hash tile.
func hashTile(log Log, at place) ([]byte, error) {
	hashes, err := log.Tile(at.level, at.n, at.width)
	if err != nil {
		return nil, err
	}
	return hashBytes(hashes), nil
}
