package book

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// BenchmarkCommit measures a commit against a bare write and fdatasync of the
// same bytes on the same disk, turn by turn in the same run. "ratio" is book
// over bare.
func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct{ count, size int }{{1, 515}, {1000, 515}} {
		b.Run(fmt.Sprintf("%dx%d", c.count, entrySize(c.size)), func(b *testing.B) { benchmarkCommit(b, c.count, c.size) })
	}
}

// entrySize is the size of a made-up entry whose line has about size bytes.
func entrySize(size int) int {
	return len(ledgertest.NewCommit(ledger.Commit{}.Head, 1, size).Entries[0])
}

func benchmarkCommit(b *testing.B, count, size int) {
	book := mustOpen(b, b.TempDir(), Options{})
	bare, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	c := ledgertest.NewCommit(book.Head(), count, size)
	f := frame.Frame{Prev: c.Prev, Head: c.Head, Entries: c.Entries}
	data, err := f.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	var bareTime, bookTime time.Duration
	at := int64(0)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		start := time.Now()
		if _, err := bare.WriteAt(data, at); err != nil {
			b.Fatal(err)
		}
		if err := datasync(bare); err != nil {
			b.Fatal(err)
		}
		at += int64(len(data))
		middle := time.Now()
		if err := book.Commit(c); err != nil {
			b.Fatal(err)
		}
		bookTime += time.Since(middle)
		bareTime += middle.Sub(start)
		// The same entries again, behind the new head: what is in them does
		// not matter to the book.
		c.Prev = c.Head
		c.Head.Size += uint64(count)
	}
	b.ReportMetric(float64(bookTime)/float64(bareTime), "ratio")
	b.ReportMetric(float64(b.N*count)/bookTime.Seconds(), "entries/s")
	b.ReportMetric(float64(bookTime.Microseconds())/float64(b.N), "µs/commit")
}

// BenchmarkCommits measures reading everything back.
func BenchmarkCommits(b *testing.B) {
	book := filled(b, 150)
	size := 0
	for c, err := range book.Commits(0) {
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range c.Entries {
			size += len(e)
		}
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, err := range book.Commits(0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEntry measures finding one commit.
func BenchmarkEntry(b *testing.B) {
	book := filled(b, 150)
	size := book.Head().Size
	at := uint64(0)
	for b.Loop() {
		at = (at*6364136223846793005 + 1442695040888963407) % size
		for _, err := range book.Commits(at) {
			if err != nil {
				b.Fatal(err)
			}
			break
		}
	}
}

// BenchmarkOpen measures opening a book whose last segment is full, and
// reports the bytes of that segment.
func BenchmarkOpen(b *testing.B) {
	book := filled(b, 100)
	dir, head := book.dir, book.Head()
	if err := book.SaveCheckpoint(ledgertest.NewNote(b, head.Size)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(book.view.Load().end)
	if err := book.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		opened, err := Open(dir, Options{})
		if err != nil || opened.Head() != head {
			b.Fatalf("open: %v", err)
		}
		opened.Close()
	}
}

// filled returns a book of commits of 1,000 entries, 630 KB each.
func filled(b *testing.B, commits int) *Book {
	b.Helper()
	book := mustOpen(b, b.TempDir(), Options{})
	c := ledgertest.NewCommit(book.Head(), 1000, 515)
	for range commits {
		if err := book.Commit(c); err != nil {
			b.Fatal(err)
		}
		c.Prev = c.Head
		c.Head.Size += 1000
	}
	return book
}
