package suite

import "golang.org/x/sys/cpu"

// hasSixteen says whether this processor has what sixteenBlocks uses.
var hasSixteen = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW

// sixteenBlocks hashes as many blocks of 64 bytes at each of sixteen places
// into their states, of which state holds word by word, lane by lane.
//
//go:noescape
func sixteenBlocks(state *[8][16]uint32, at *[16]*byte, blocks int, k *[64]uint32)
