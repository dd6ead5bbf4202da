package verify

import (
	"context"
	"encoding/binary"
	"fmt"

	"civicledger/ledger/chain"
)

// Entries returns the entries of an entry bundle, those with the indexes n*256
// up to n*256+width, as the log shows them: nothing is verified. An error that
// wraps ErrAbsent means that the log does not have them.
func (s *Tiles) Entries(ctx context.Context, n uint64, width int) ([][]byte, error) {
	data, err := s.tile(ctx, "entries", n, width, maxBundle)
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, 0, width)
	for range width {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: entry %d is cut: %w", tilePath("entries", n, width), n*chain.TileWidth+uint64(len(entries)), ErrAbsent)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end:end])
		data = data[end:]
	}
	return entries, nil
}
