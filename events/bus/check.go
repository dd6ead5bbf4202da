package bus

import (
	"time"

	"civicledger/events"
	"civicledger/events/catalogue"
)

// Check judges each line as the intake does before the ledger sees it: strict
// envelope, no personal identifiers, not from the future, and data as the
// catalogue says. It returns every reason with its 1-based line, or nil.
// Rights and signatures are the ledger's to judge. Senders may call it first.
func Check(lines [][]byte, now time.Time) events.Problems {
	var all events.Problems
	for i, line := range lines {
		all = append(all, checkLine(line, now).At(i+1)...)
	}
	return all
}

func checkLine(line []byte, now time.Time) events.Problems {
	e, problems := events.Parse(line)
	if len(problems) > 0 {
		return problems
	}
	problems = events.CheckTime(e, now)
	t, known := catalogue.Lookup(e.Type)
	if !known {
		return append(problems, events.Problem{
			Pointer: "/type", Code: "unknown-type",
			Message: "type " + e.Type + " is not in the catalogue: see civicledger schema",
		})
	}
	return append(problems, t.Validate(e)...)
}
