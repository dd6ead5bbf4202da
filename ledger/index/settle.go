package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"syscall"
)

// A settled part stands in blocks of blockSlots slots, each with a checksum of
// its number and its slots: what a disk loses or changes of it is an error, and
// never an answer. A block is a line of the processor's cache: whoever comes to a
// slot has fetched it anyway.
const (
	blockSlots = 15
	blockBytes = 4*blockSlots + 4
)

// tablePattern names settled parts between their creation and the removal of
// their name.
const tablePattern = "keys.table.*"

// settled is a part that nobody adds to any more: its slots stand in a file
// that is mapped, out of the process's own memory. The operating system takes
// that memory back when it needs it, and what the process holds for itself
// does not grow with the log. Where there is no room for that, or it fails, the
// slots are the part: they are as good. An index opened for reading only makes
// no file.
//
// The file has no name, so that nothing is left of it after the process: the
// next Open fills the table from the pages.
func (x *Index) settled(slots []uint32) tablePart {
	if x.readOnly {
		return tablePart{slots: slots}
	}
	x.settling.Lock() // who asks for room takes it before the next asks
	defer x.settling.Unlock()
	file, err := x.mapped(slots)
	if err != nil {
		if !x.unsettled.Swap(true) { // say it once
			x.logger.Warn("the table of event keys stays in memory", "error", err)
		}
		return tablePart{slots: slots}
	}
	return tablePart{settled: file}
}

// settle settles the parts of the table that were filled between two positions.
// Whoever looks at one meanwhile finds the same before and after.
func (x *Index) settle(from, until uint64) {
	for n := from >> partBits; n < until>>partBits; n++ {
		parts := slices.Clone(*x.table.parts.Load()) // readers have the old ones
		parts[n] = x.settled(parts[n].slots)
		x.table.parts.Store(&parts)
	}
}

// mapped writes slots to a file without a name and maps it, for reading only.
// All of it is written before it is mapped: what is not there cannot be mapped.
// It leaves the disk what Apply wants, twice.
func (x *Index) mapped(slots []uint32) ([]byte, error) {
	size := (len(slots) + blockSlots - 1) / blockSlots * blockBytes
	if free, err := FreeBytes(x.dir); err != nil || free < 2*x.minFree+int64(size) {
		return nil, errors.Join(fmt.Errorf("the disk has %d bytes left", free), err)
	}
	file, err := os.CreateTemp(x.dir, tablePattern)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the map keeps it
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	const some = 4096 // blocks written at once
	buf := make([]byte, 0, some*blockBytes)
	n := uint32(0)
	for block := range slices.Chunk(slots, blockSlots) {
		buf = appendBlock(buf, n, block)
		if n++; len(buf) == cap(buf) || int(n)*blockBytes == size {
			if _, err := file.Write(buf); err != nil {
				return nil, err
			}
			buf = buf[:0]
		}
	}
	return syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
}

// appendBlock appends block n with its slots, at most blockSlots of them.
func appendBlock(buf []byte, n uint32, slots []uint32) []byte {
	start := len(buf)
	for _, v := range slots {
		buf = binary.LittleEndian.AppendUint32(buf, v)
	}
	buf = append(buf, make([]byte, 4*(blockSlots-len(slots)))...)
	return binary.LittleEndian.AppendUint32(buf, blockSum(n, buf[start:]))
}

func blockSum(n uint32, slots []byte) uint32 {
	return crc32.Update(n, castagnoli, slots)
}

// blockReader reads the slots of a settled part, and checks each block that it
// comes to.
type blockReader struct {
	settled []byte
	n       uint32 // block at hand
	block   []byte // nil: none
}

func (r *blockReader) at(slot uint32) (uint32, error) {
	n, i := slot/blockSlots, slot%blockSlots
	if r.block == nil || n != r.n {
		block := r.settled[n*blockBytes : (n+1)*blockBytes]
		if blockSum(n, block[:4*blockSlots]) != binary.LittleEndian.Uint32(block[4*blockSlots:]) {
			return 0, damaged("the table of event keys has changed on the disk; opened again it is as it should be")
		}
		r.n, r.block = n, block
	}
	return binary.LittleEndian.Uint32(r.block[4*i:]), nil
}

// unmap gives back what was mapped; nobody looks at the table any more.
func (t *keyTable) unmap() (err error) {
	for _, part := range *t.parts.Load() {
		if part.settled != nil {
			err = errors.Join(err, syscall.Munmap(part.settled))
		}
	}
	t.parts.Store(&[]tablePart{})
	return err
}
