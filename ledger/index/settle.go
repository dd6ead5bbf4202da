package index

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"syscall"
)

// settled is a part that nobody adds to any more: its slots stand in a file
// that is mapped, out of the process's own memory. The operating system takes
// that memory back when it needs it, and what the process holds for itself
// does not grow with the log. Where that fails, the slots are the part: they
// are as good. An index opened for reading only makes no file.
//
// The file has no name, so nothing is left of it after any end of the process:
// the next Open fills the table from the pages.
func (x *Index) settled(slots []uint32) tablePart {
	if x.readOnly || x.unsettled.Load() {
		return tablePart{slots: slots}
	}
	file, err := mapped(slots, x.dir)
	if err != nil {
		x.unsettled.Store(true) // not for each part again
		x.logger.Warn("the table of event keys stays in memory", "error", err)
		return tablePart{slots: slots}
	}
	return tablePart{settled: file}
}

// settle settles the parts of the table that were filled between two positions.
// Whoever looks at one meanwhile finds the same before and after.
func (x *Index) settle(from, until uint64) {
	parts := *x.table.parts.Load()
	for n := from >> partBits; n < until>>partBits; n++ {
		parts = slices.Clone(parts)
		parts[n] = x.settled(parts[n].slots)
		x.table.parts.Store(&parts)
	}
}

// mapped writes slots to a file without a name and maps it, for reading only.
// All of it is written before it is mapped: what is not there cannot be mapped.
func mapped(slots []uint32, dir string) ([]byte, error) {
	file, err := os.CreateTemp(dir, tablePattern)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the map keeps it
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	const some = 1 << 16
	buf := make([]byte, 0, 4*some)
	for part := range slices.Chunk(slots, some) {
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint32(buf, v)
		}
		if _, err := file.Write(buf); err != nil {
			return nil, err
		}
	}
	return syscall.Mmap(int(file.Fd()), 0, 4*len(slots), syscall.PROT_READ, syscall.MAP_SHARED)
}

// tablePattern names settled parts between their creation and the removal of
// their name.
const tablePattern = "keys.table.*"

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
