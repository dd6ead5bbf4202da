package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"civicledger/ledger/chain"
)

// gap is a run of entries that do not stand in the book, between two places
// that do. What belongs there is settled by hashes: the frame behind it, or the
// header of each following entry, states the hash of the one before. Behind a
// gap at the end only the signed root can say it.
type gap struct {
	first, to uint64
	prev      chain.Head  // what stands before it
	anchor    *chain.Hash // the hash of its last entry; nil at the end of the book
	entries   [][]byte    // proven; nil until then
	begins    []bool      // where commits begin, as a source says; a guess
	firsts    []uint64    // of the files of that source
	hinted    bool        // begins comes from a source that knows
}

// Refusal is an entry for which nobody had the bytes that the log states.
type Refusal struct {
	Index  uint64 `json:"index"`
	Reason string `json:"reason"`
}

// offer is what one source has for a gap.
type offer struct {
	from    string
	entries [][]byte
	begins  []bool
	firsts  []uint64 // of its files
	err     error    // why it has no more
}

// ask gets a gap's entries of a source.
func (g *gap) ask(ctx context.Context, s *Source) (offer, error) {
	o := offer{from: s.name, firsts: s.firsts}
	o.err = s.entries(ctx, g.first, g.to, func(entry []byte, begins bool) {
		o.entries = append(o.entries, bytes.Clone(entry))
		o.begins = append(o.begins, begins)
	})
	return o, ctx.Err()
}

// prove takes for each entry, from the last to the first, the bytes that have
// the stated hash, from whatever offer has them. The hash of the entry before
// it stands in its header, and so on down to what stands.
func (g *gap) prove(offers []offer, salvaged func(index uint64) [][]byte) []Refusal {
	if g.anchor != nil {
		return g.walk(*g.anchor, offers, salvaged)
	}
	var first []Refusal
	last := g.to - 1
	for _, candidate := range append(candidates(offers, last-g.first), salvaged(last)...) {
		refused := g.walk(hashes.Leaf(candidate), offers, salvaged)
		if refused == nil {
			return nil
		}
		if first == nil {
			first = refused
		}
	}
	if first == nil {
		first = []Refusal{{last, "nobody has it: " + whoHas(offers, last-g.first, nil)}}
	}
	return first
}

func candidates(offers []offer, i uint64) (list [][]byte) {
	for _, o := range offers {
		if i < uint64(len(o.entries)) {
			list = append(list, o.entries[i])
		}
	}
	return list
}

func (g *gap) walk(want chain.Hash, offers []offer, salvaged func(index uint64) [][]byte) []Refusal {
	n := g.to - g.first
	g.entries = make([][]byte, n)
	for i := n; i > 0; {
		i--
		index := g.first + i
		entry := withHash(want, candidates(offers, i))
		if entry == nil {
			entry = withHash(want, salvaged(index))
		}
		h, _, err := chain.ParseEntry(entry)
		if entry == nil || err != nil || h.Index != index {
			g.entries = nil
			return g.refuse(index, whoHas(offers, i, &want))
		}
		g.entries[i], want = entry, h.Prev
	}
	if want != g.prev.Last {
		g.entries = nil
		return []Refusal{{g.first, fmt.Sprintf("what stands behind it extends another history than the %d entries before it", g.first)}}
	}
	g.hint(offers)
	return nil
}

// hint takes the layout of the source that has most of the entries, at least
// half: a source with another history has other commits as well.
func (g *gap) hint(offers []offer) {
	best := (len(g.entries) + 1) / 2
	for _, o := range offers {
		if len(o.begins) != len(g.entries) || !o.begins[0] {
			continue
		}
		same := 0
		for i, entry := range g.entries {
			if bytes.Equal(entry, o.entries[i]) {
				same++
			}
		}
		if same >= best {
			g.begins, g.firsts, g.hinted, best = o.begins, o.firsts, true, same+1
		}
	}
}

func (g *gap) refuse(index uint64, reason string) []Refusal {
	refused := []Refusal{{index, reason}}
	if index > g.first {
		refused = append(refused, Refusal{index - 1, fmt.Sprintf("entries %d to %d cannot be proven while entry %d is not there", g.first, index-1, index)})
	}
	return refused
}

func withHash(want chain.Hash, list [][]byte) []byte {
	for _, entry := range list {
		if hashes.Leaf(entry) == want {
			return entry
		}
	}
	return nil
}

// whoHas says what each source has in place of an entry.
func whoHas(offers []offer, i uint64, want *chain.Hash) string {
	var words []string
	for _, o := range offers {
		switch {
		case i < uint64(len(o.entries)) && want != nil:
			words = append(words, fmt.Sprintf("%s has other bytes there (hash %x, the log states %x)", o.from, hashes.Leaf(o.entries[i]), *want))
		case o.err != nil:
			words = append(words, fmt.Sprintf("%s does not have it: %v", o.from, o.err))
		default:
			words = append(words, o.from+" does not have it")
		}
	}
	return strings.Join(words, "; ")
}

// salvage finds what may be an entry in damaged bytes: behind its length, or up
// to where the next header begins. Only its hash says whether it is.
func salvage(data []byte, index uint64) (found [][]byte) {
	start, next := headerStart(index), headerStart(index+1)
	for at := 0; at < len(data); {
		i := bytes.Index(data[at:], start)
		if i < 0 {
			return found
		}
		at += i
		if at >= 4 {
			if end := at + int(binary.BigEndian.Uint32(data[at-4:])); end > at && end <= len(data) {
				found = append(found, data[at:end])
			}
		}
		if end := bytes.Index(data[at:], next); end > 4 {
			found = append(found, data[at:at+end-4])
		}
		at++
	}
	return found
}

func headerStart(index uint64) []byte {
	return append(strconv.AppendUint([]byte("1 "), index, 10), ' ')
}
