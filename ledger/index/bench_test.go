package index

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// size of the index that is measured.
const million = 1_000_000

// realKey is as random as a real event key.
func realKey(index uint64) chain.EventKey {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, index))
	return chain.EventKey(sum[:16])
}

// realBatch is a batch as the ledger makes them: random keys and hashes, and a
// subject for each of the first named entries in ten.
func realBatch(from, to uint64, named uint64) *ledger.IndexBatch {
	b := &ledger.IndexBatch{From: from, To: to}
	for i := from; i < to; i++ {
		b.Keys = append(b.Keys, realKey(i))
		if i%10 < named {
			subject := fmt.Sprintf("st1.1.synthetic%d", i%100_003)
			b.Subjects = append(b.Subjects, ledger.Naming{Subject: subject, Index: i})
		}
	}
	for level, width := 0, uint64(chain.TileWidth); width <= to; level, width = level+1, width*chain.TileWidth {
		for n := from / width; n < to/width; n++ {
			b.Tiles = append(b.Tiles, realTile(level, n))
		}
	}
	return b
}

func realTile(level int, n uint64) chain.Tile {
	tile := chain.Tile{Level: level, N: n, Hashes: make([]chain.Hash, chain.TileWidth)}
	for i := range tile.Hashes {
		at := binary.BigEndian.AppendUint64([]byte{byte(level)}, n*chain.TileWidth+uint64(i))
		tile.Hashes[i] = sha256.Sum256(at)
	}
	return tile
}

func fill(b testing.TB, x *Index, to, step, named uint64) {
	b.Helper()
	for from := x.Position(); from < to; from += step {
		if err := x.Apply(realBatch(from, min(from+step, to), named)); err != nil {
			b.Fatal(err)
		}
	}
}

// diskBytes is what the files of dir occupy; holes do not count.
func diskBytes(t testing.TB, dir string) int64 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, name := range names {
		total += allocated(t, name)
	}
	return total
}

// BenchmarkMillion measures an index of a million entries. Its first lines say
// how fast it was filled, how large it is when closed, and how long Open takes.
func BenchmarkMillion(b *testing.B) {
	for _, named := range []uint64{0, 10} {
		b.Run(fmt.Sprintf("subjects=%d", named/10), func(b *testing.B) { benchmarkMillion(b, named) })
	}
}

func benchmarkMillion(b *testing.B, named uint64) {
	dir := b.TempDir()
	x := mustOpen(b, dir)
	start := time.Now()
	fill(b, x, million, 1000, named)
	filled := time.Since(start)
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	x = mustOpen(b, dir)
	b.Logf("filled at %.0f entries/s; %.1f bytes of disk an entry; opened in %v",
		million/filled.Seconds(), float64(diskBytes(b, dir))/million, time.Since(start).Round(time.Millisecond))
	b.Run("LookupAbsent", func(b *testing.B) { benchmarkLookup(b, x, million) })
	b.Run("LookupPresent", func(b *testing.B) { benchmarkLookup(b, x, 0) })
	b.Run("Tile", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Tile(0, rand.Uint64N(million/chain.TileWidth)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Timeline", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Timeline(fmt.Sprintf("st1.1.synthetic%d", rand.Uint64N(100_003)), 0, 100); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkLookup looks up a thousand keys at once.
func benchmarkLookup(b *testing.B, x *Index, base uint64) {
	keys := make([]chain.EventKey, 1000)
	for b.Loop() {
		b.StopTimer()
		for i := range keys {
			keys[i] = realKey(base + rand.Uint64N(million))
		}
		b.StartTimer()
		if _, err := x.Lookup(keys); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
}
