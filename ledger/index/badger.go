package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// memTableSize bounds Badger's memory and its write-ahead logs.
const memTableSize = 8 << 20

// cure ends every message about an index that cannot be opened.
const cure = "it holds nothing that is not in the book: delete the index directory and it is rebuilt"

// damaged returns an error that wraps ErrCorrupt and says the cure.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w; %s", ErrCorrupt, fmt.Errorf(format, args...), cure)
}

// profile is Badger with bounded memory: see DESIGN.md for each choice.
func profile(dir string, opts Options) badger.Options {
	o := badger.DefaultOptions(dir)
	o.Logger = logger{opts.Logger}
	o.ReadOnly = opts.ReadOnly
	o.SyncWrites = false // Sync does it: what a crash loses is applied again
	o.MetricsEnabled = false
	o.DetectConflicts = false // one writer
	o.ChecksumVerificationMode = options.OnTableRead
	o.Compression = options.None // hashes and random keys; checkTable knows
	o.BlockSize = blockSize
	o.MemTableSize = memTableSize
	o.BaseTableSize = memTableSize
	o.TableSizeMultiplier = 1
	o.NumMemtables = 2
	o.NumLevelZeroTables = 2
	o.NumLevelZeroTablesStall = 4
	o.NumCompactors = 2
	o.BlockCacheSize = 0 // blocks are read where they are mapped
	o.IndexCacheSize = 16 << 20
	o.ValueLogFileSize = 1 << 20 // never used: all values are inline
	return o
}

// openBadger opens the database after checking what Badger itself does not
// survive: a bad table ends the process, or is passed over.
func openBadger(dir string, opts Options) (db *badger.DB, err error) {
	if err := checkTables(dir, nil); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	if !opts.ReadOnly {
		err = removeUnborn(dir)
	}
	// Badger takes the lock itself; who comes between finds nothing half done.
	if err := errors.Join(err, lock.Close()); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, damaged("badger: %v", p)
		}
	}()
	db, err = badger.Open(profile(dir, opts))
	if err != nil {
		return nil, openError(err)
	}
	return db, nil
}

// openError tells damage from what a person can put right. Badger keeps no
// causes in its errors, only their text.
func openError(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "Cannot acquire directory lock"):
		return fmt.Errorf("%w by another process: %w", ErrLocked, err)
	case strings.Contains(text, badger.ErrTruncateNeeded.Error()):
		return fmt.Errorf("%w: open it for writing once: %w", ErrUnclean, err)
	}
	for _, cause := range []syscall.Errno{
		syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
	} {
		if errors.Is(err, cause) || strings.Contains(text, cause.Error()) {
			return fmt.Errorf("%w: %w", cause, err)
		}
	}
	return damaged("badger: %w", err)
}

// logger says in slog what Badger says. Its own prints to standard error.
type logger struct{ to *slog.Logger }

func (l logger) log(level slog.Level, format string, args []any) {
	to := l.to
	if to == nil {
		if level < slog.LevelWarn {
			return
		}
		to = slog.Default()
	}
	if to.Enabled(context.Background(), level) {
		to.Log(context.Background(), level, strings.TrimSpace(fmt.Sprintf(format, args...)), "from", "badger")
	}
}

func (l logger) Errorf(format string, args ...any)   { l.log(slog.LevelError, format, args) }
func (l logger) Warningf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }
func (l logger) Infof(format string, args ...any)    { l.log(slog.LevelDebug, format, args) }
func (l logger) Debugf(format string, args ...any)   { l.log(slog.LevelDebug, format, args) }
