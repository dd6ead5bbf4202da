//go:build !purego

package suite

// hasSixteen says whether processor and system have what sixteenBlocks uses.
var hasSixteen = processorHasSixteen()

func processorHasSixteen() bool

// sixteenBlocks hashes as many blocks of 64 bytes at each of sixteen places
// into their states, of which state holds word by word, lane by lane.
//
//go:noescape
func sixteenBlocks(state *[8][16]uint32, at *[16]*byte, blocks int, k *[64]uint32)
