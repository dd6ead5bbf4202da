package source

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// salvage finds the entries in bytes that are not whole frames, from the index
// next on. What it finds is only a guess; the hashes that the log states
// decide. An entry between two that are found is nil.
func salvage(data []byte, next uint64) []Item {
	var items []Item
	for at := 0; at < len(data); {
		h, whole, end := salvageHeader(data[at:])
		found := salvageBody(data, min(at+frame.HeaderSize, at+end), at+end, next+uint64(len(items)), h.Count())
		if whole && uint64(len(found)) == h.Count() && h.Prev.Size == next+uint64(len(items)) {
			if h.Prev.Size > 0 {
				found[0].Before = &h.Prev.Last
			}
			found[len(found)-1].After = &h.Head.Last
		}
		items = append(items, found...)
		at += end
	}
	return items
}

// salvageHeader returns the header of the frame at the beginning of data and
// where the frame ends. If the header is not whole, it only bounds the count,
// and the frame ends where another header is whole.
func salvageHeader(data []byte) (h frame.Header, whole bool, end int) {
	if h, err := frame.ParseHeader(data); err == nil {
		return h, true, min(h.Size(), len(data))
	}
	h.Head.Size = chain.MaxFrame
	for at := frame.HeaderSize; at < len(data); at++ {
		i := bytes.IndexByte(data[at:], 0x89)
		if i < 0 {
			break
		}
		at += i
		if _, err := frame.ParseHeader(data[at:]); err == nil {
			return h, false, at
		}
	}
	return h, false, len(data)
}

// salvageBody cuts a body into entries by their lengths and, where those make
// no sense, by looking for the beginning of the next header.
func salvageBody(data []byte, at, end int, next, limit uint64) []Item {
	var items []Item
	for at+4 < end && uint64(len(items)) < limit {
		index := next + uint64(len(items))
		start := at + 4
		stop := start + int(binary.BigEndian.Uint32(data[at:]))
		if !fits(data, start, stop, end, index) {
			stop = findHeader(data, start, end, index+1)
		}
		if stop == end && bytes.Trim(data[start:end], "\x00") == nil {
			break
		}
		items = append(items, Item{Raw: bytes.Clone(data[start:stop]), Offset: int64(start)})
		at = stop
	}
	return items
}

// fits says whether an entry can stand between start and stop: the body ends
// there, or the next header begins, or at least the next entry fits as well.
func fits(data []byte, start, stop, end int, index uint64) bool {
	switch {
	case stop <= start || stop > end:
		return false
	case stop == end:
		return true
	case stop+4 >= end:
		return false
	case bytes.HasPrefix(data[stop+4:end], headerStart(index+1)):
		return true
	}
	after := stop + 4 + int(binary.BigEndian.Uint32(data[stop:]))
	return data[stop-1] == '}' && after <= end && data[after-1] == '}'
}

func headerStart(index uint64) []byte {
	return append(strconv.AppendUint([]byte("1 "), index, 10), ' ')
}

// findHeader returns where the length before the header of an entry begins, or
// the end.
func findHeader(data []byte, start, end int, index uint64) int {
	pattern := headerStart(index)
	for at := start; at < end; {
		i := bytes.Index(data[at:end], pattern)
		if i < 0 {
			return end
		}
		if at += i; at-4 > start && data[at-5] == '}' {
			return at - 4
		}
		at++
	}
	return end
}
