package tiles

import (
	"fmt"
	"strconv"
	"strings"

	"civicledger/ledger/chain"
)

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

// path is what parsePath reads, behind tile/.
func (p place) path() string {
	path := fmt.Sprintf("%03d", p.n%1000)
	for n := p.n / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if p.width < chain.TileWidth {
		path += fmt.Sprintf(".p/%d", p.width)
	}
	if p.level == entriesLevel {
		return "entries/" + path
	}
	return strconv.Itoa(p.level) + "/" + path
}

// bundles is the number of bundles that lie below a full tile.
func (p place) bundles() uint64 { return 1 << (8 * max(p.level, 0)) }

// places yields everything that a log of that size consists of, beside the
// checkpoint, until yield says that it is enough: the bundles, then the tiles
// level by level, each level from left to right.
func places(size uint64) func(yield func(place) bool) {
	return func(yield func(place) bool) {
		for level := entriesLevel; level <= 7; level++ {
			hashes := size >> (8 * max(level, 0))
			for n := uint64(0); n*chain.TileWidth < hashes; n++ {
				if !yield(place{level, n, int(min(chain.TileWidth, hashes-n*chain.TileWidth))}) {
					return
				}
			}
		}
	}
}
