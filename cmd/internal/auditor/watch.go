package auditor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"civicledger/ledger/verify/follow"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// WatchFormat is the first member of each line that watch --json prints while
// all is well; see FORMAT.md.
const WatchFormat = "civicledger watch v1"

const watchUsage = `Follow a live log and verify what it adds, as it comes: the signature of each new
checkpoint, that it extends the one before, and every new entry, link, signature and
right. The log is verified from entry 0 at the start. A log that was put back, or a
second history, is shown with both signed heads.

  civicverify watch --url URL --key VERIFIER-KEY [--state FILE] [--interval 2s]
                    [--once] [--json]

  --url URL       a server that shows its log (C2SP tlog-tiles)
  --key KEY       the ledger's verifier key, or a file that holds it. Take it from
                  somewhere else than from the log.
  --state FILE    keeps the newest checkpoint that was found sound; it is replaced
                  only when all before it was verified
  --interval 2s   how often to ask for a new checkpoint
  --once          verify what there is now, and end
  --json          one line of JSON for each new checkpoint (format "` + WatchFormat + `")
                  and, if something is wrong, the report (format "` + verdict.Format + `")

It goes on until Ctrl-C or until something is wrong. When the server does not answer it
says so and keeps trying.

Exit status: 0 ended with all sound, 1 not sound, 2 could not be checked (with --once
also: the server does not answer).

Example:
  civicverify watch --url http://127.0.0.1:8080 --key ./log.pub --state seen.note
`

// maxPause bounds the pause between tries while a server does not answer.
const maxPause = time.Minute

// watcher follows one log.
type watcher struct {
	trust
	url      string
	interval time.Duration
	once     bool

	log            *source.Tiles
	follower       *follow.Follower
	newest         *verdict.Signed // that the server showed, sound or not
	told           *uint64         // size of the newest that was found sound
	stdout, stderr io.Writer
	// wait pauses; false means that the end has come.
	wait func(ctx context.Context, pause time.Duration) bool
	now  func() time.Time
}

func watchCommand(ctx context.Context, c *cli) int {
	w := &watcher{stdout: c.stdout, stderr: c.stderr, wait: pause, now: time.Now}
	flags := newFlags(&w.key, &w.state, &w.json)
	flags.StringVar(&w.url, "url", "", "")
	flags.DurationVar(&w.interval, "interval", 2*time.Second, "")
	flags.BoolVar(&w.once, "once", false, "")
	if _, code, ok := c.parse(flags, 0, watchUsage); !ok {
		return code
	}
	if err := w.prepare(); err != nil {
		return fail(c.stderr, err)
	}
	return w.run(ctx)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *watcher) prepare() error {
	switch {
	case w.url == "":
		return errors.New("give the server's address with --url")
	case w.interval <= 0:
		return fmt.Errorf("--interval %v is no time to wait", w.interval)
	}
	if err := w.load(); err != nil {
		return err
	}
	w.log = source.Server(w.url)
	w.follower = follow.New(w.log, w.vkey, w.Verifier, w.known, progressTo(w.stderr))
	return nil
}

// run goes round until it is told to end or something is wrong.
func (w *watcher) run(ctx context.Context) int {
	wait := w.interval
	for {
		err := w.round(ctx)
		var defect *follow.Found
		var kept *stateError
		switch {
		case errors.As(err, &defect):
			return w.accuse(ctx, defect)
		case errors.As(err, &kept):
			return fail(w.stderr, err)
		case ctx.Err() != nil:
			return w.ended()
		case err == nil:
			wait = w.interval
		case w.once:
			return fail(w.stderr, err)
		default:
			wait = min(2*wait, max(maxPause, w.interval))
			fmt.Fprintf(w.stderr, "civicverify: %v; trying again in %v\n", err, wait)
		}
		if w.once {
			return 0
		}
		if !w.wait(ctx, wait) {
			return w.ended()
		}
	}
}

// ended is the exit code of a watch that was told to end: with --once that is
// before its work was done.
func (w *watcher) ended() int {
	if w.once {
		return fail(w.stderr, errors.New("interrupted"))
	}
	return 0
}

// stateError says that what was verified could not be remembered or told.
type stateError struct{ error }

// round asks for the newest checkpoint and verifies up to it.
func (w *watcher) round(ctx context.Context) error {
	cp, defects, err := w.log.Signed(ctx, w.Verifier)
	if err != nil {
		return err
	}
	if len(defects) > 0 {
		return &follow.Found{Defect: defects[0]}
	}
	f := w.follower
	w.newest = cp
	if w.told != nil && *w.told == cp.Size && f.Known.Root == cp.Root {
		return nil // nothing is new
	}
	if err := f.Advance(ctx, cp); err != nil {
		return err
	}
	if w.state != "" {
		// If we stop here, the next run verifies the same entries again.
		if err := verdict.SaveState(w.state, f.Known.Note); err != nil {
			return &stateError{err}
		}
	}
	if err := w.tell(cp); err != nil { // who cannot print watches for nobody
		return &stateError{fmt.Errorf("write: %w", err)}
	}
	return nil
}

// progressLine is what is said of a checkpoint that was found sound.
type progressLine struct {
	Format   string `json:"format"`
	Time     string `json:"time"` // when it was found sound, by this machine's clock
	Size     uint64 `json:"size"`
	New      uint64 `json:"new"` // entries since the line before
	Root     []byte `json:"root"`
	Recorded string `json:"recorded"` // of the newest entry
}

func (w *watcher) tell(cp *verdict.Signed) error {
	line := progressLine{
		Format: WatchFormat, Time: verdict.Stamp(w.now().UnixMilli()), Size: cp.Size, New: cp.Size,
		Root: cp.Root[:], Recorded: verdict.Stamp(w.follower.Recorded),
	}
	if w.told != nil {
		line.New -= *w.told
	}
	w.told = &cp.Size
	words := fmt.Sprintf("%s  sound: %d entries, %d new, the newest recorded %s, root %x\n", line.Time, line.Size, line.New, line.Recorded, line.Root)
	return write(w.stdout, line, w.json, "", words)
}

// accuse explains a defect and ends.
func (w *watcher) accuse(ctx context.Context, d *follow.Found) int {
	r := w.follower.Explain(ctx, d, w.newest)
	if err := write(w.stdout, r, w.json, "", Words(r)); err != nil {
		fail(w.stderr, fmt.Errorf("write report: %w", err))
	}
	return 1
}
