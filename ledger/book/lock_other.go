//go:build !unix

package book

import (
	"errors"
	"fmt"
	"os"
)

// lockDir refuses: without a lock that ends with its process two writers
// could fork the ledger.
func lockDir(dir string) (*os.File, error) {
	return nil, fmt.Errorf("lock %s: %w: a ledger is written on Unix only; read-only opens anywhere", dir, errors.ErrUnsupported)
}
