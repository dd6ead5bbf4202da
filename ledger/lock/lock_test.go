package lock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Who has a path alone keeps everybody out, who shares it those who want it
// alone; closing gives it back. Files and directories alike.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		path string
		flag int
	}{{dir, os.O_RDONLY}, {filepath.Join(dir, "lock"), os.O_RDWR | os.O_CREATE}} {
		for _, first := range []bool{false, true} {
			held, err := Open(c.path, c.flag, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, second := range []bool{false, true} {
				f, err := Open(c.path, c.flag, second)
				if shared := first && second; shared != (err == nil) || (!shared && !errors.Is(err, ErrHeld)) {
					t.Errorf("%s, shared %t then %t: %v", c.path, first, second, err)
				}
				f.Close()
			}
			if err := held.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Open(filepath.Join(dir, "no", "such"), os.O_RDWR|os.O_CREATE, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("where there is no directory: %v", err)
	}
}
