package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
)

// retryClosing is how long a closing that failed waits for its next try.
const retryClosing = time.Minute

// closeDays says day.closed for each day of the ledger's time zone that is
// over, one by one, until ctx ends. What depends on time passing is driven by
// these entries and by no clock, so that every replay says the same.
func closeDays(ctx context.Context, l *ledger.Ledger, operator *keys.Key, log *slog.Logger) {
	for {
		day, end, err := nextDay(l.Roster())
		if err != nil {
			log.Error("close days", "cause", err)
			return
		}
		wait := time.Until(end)
		if wait <= 0 {
			if err = closeDay(ctx, l, operator, day, end); err == nil {
				log.Info("day closed", "day", day)
				continue
			}
			if errors.Is(err, ledger.ErrStopped) || ctx.Err() != nil {
				return
			}
			log.Warn("close day", "day", day, "cause", err)
			wait = retryClosing
		}
		select {
		case <-time.After(min(wait, time.Hour)): // the wall clock may be set meanwhile
		case <-ctx.Done():
			return
		}
	}
}

// nextDay returns the first day that is not closed, and when it ends.
func nextDay(r *roster.Roster) (day string, end time.Time, err error) {
	last, err := time.ParseInLocation(time.DateOnly, r.LastClosed(), r.Zone())
	if err != nil {
		return "", time.Time{}, fmt.Errorf("last closed day: %w", err)
	}
	return last.AddDate(0, 0, 1).Format(time.DateOnly), last.AddDate(0, 0, 2), nil
}

func closeDay(ctx context.Context, l *ledger.Ledger, operator *keys.Key, day string, end time.Time) error {
	// The id is the day: said twice, it is the same event.
	line, err := roster.Line(l.Origin(), roster.DayClosed, "day-"+day, end, roster.Closed{Day: day})
	if err != nil {
		return err
	}
	sub, err := operator.SignSubmission(l.Origin(), chain.Operator, [][]byte{line})
	if err != nil {
		return err
	}
	wait, err := l.Submit(ctx, sub)
	if err != nil {
		return err
	}
	_, err = wait(ctx)
	return err
}
