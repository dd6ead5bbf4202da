package verify

import (
	"context"
	"encoding/binary"
	"fmt"

	"civicledger/ledger/chain"
)

// Hashes returns the first width hashes of a tile, not verified. The error
// wraps ErrAbsent where the log does not have them.
func (s *Tiles) Hashes(ctx context.Context, level int, n uint64, width int) ([]chain.Hash, error) {
	return s.hashes(ctx, level, n, width)
}

// Entries returns the first width entries of a bundle, not verified: those from
// 256n on. The error wraps ErrAbsent where the log does not have them.
func (s *Tiles) Entries(ctx context.Context, n uint64, width int) ([][]byte, error) {
	path := tilePath("entries", n, width)
	data, err := s.tile(ctx, "entries", n, width, maxBundle)
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, width)
	for i := range entries {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s ends after %d entries of %d: %w", path, i, width, ErrAbsent)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries[i], data = data[2:end:end], data[end:]
	}
	return entries, nil
}
