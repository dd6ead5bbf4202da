//go:build !amd64 || purego

package suite

const hasSixteen = false

func sixteenBlocks(*[8][16]uint32, *[16]*byte, int, *[64]uint32) {
	panic("suite: sixteenBlocks on a processor that does not have it")
}
