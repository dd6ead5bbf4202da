//go:build !amd64 || purego

package chain

const hasMarks = false

func markBytes(*byte, int, *marks) uint32 {
	panic("chain: markBytes on a processor that does not have it")
}
