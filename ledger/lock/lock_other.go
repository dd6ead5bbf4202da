//go:build !unix

package lock

import (
	"errors"
	"os"
)

func take(*os.File, bool) error { return errors.ErrUnsupported }
