package events

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A time is what RFC 3339 says, or is refused with the reason that is true.
func TestParseTime(t *testing.T) {
	for text, reason := range map[string]string{
		"2026-01-15T09:00:00+08:00":      "",
		"2026-01-15T09:00:00.123456789Z": "",
		"2026-01-15T23:59:59-00:00":      "",
		"2026-01-15T00:00:00+23:59":      "",
		"2026-01-15T9:00:00+08:00":       "must be RFC 3339",
		"2026-01-15T10:00:00+24:00":      "must be RFC 3339",
		"2026-01-15T10:00:00-99:00":      "must be RFC 3339",
		"2026-01-15T10:00:00+08:60":      "must be RFC 3339",
		"2026-01-15T10:00:00+0800":       "must be RFC 3339",
		"2026-01-15T10:00:00":            "must be RFC 3339",
		"2026-01-15T10:00:61Z":           "must be RFC 3339",
		"2016-12-31T23:59:60":            "must be RFC 3339",
		"2026-02-29T23:59:60Z":           "must be RFC 3339",
		"1899-12-31T00:00:00Z":           "must be RFC 3339",
		"tz":                             "must be RFC 3339",
		"":                               "must be RFC 3339",
		"2016-12-31T23:59:60Z":           "leap second",
		"2017-01-01T07:59:60.5+08:00":    "leap second",
		"2026-01-15t09:00:00+08:00":      "lower case",
		"2026-01-15T09:00:00z":           "lower case",
		"2026-01-15t09:00:00z":           "lower case",
	} {
		if _, message := parseTime(text); (message == "") != (reason == "") || !strings.Contains(message, reason) {
			t.Errorf("%q: %q, want %q", text, message, reason)
		}
	}
}

// What is written as RFC 3339 is read as the same moment; with any one character
// changed to another it is the time it then says, or refused.
func TestParseTime_OneCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "zone"))
		at := time.Unix(rapid.Int64Range(-2208988800+86400, 4102444800).Draw(t, "seconds"), 0).In(zone)
		text := at.Format(time.RFC3339)
		got, message := parseTime(text)
		if message != "" || !got.Equal(at) {
			t.Fatalf("%s: %s %q", text, got, message)
		}
		changed := []byte(text)
		changed[rapid.IntRange(0, len(text)-1).Draw(t, "place")] = rapid.Byte().Draw(t, "byte")
		if got, message := parseTime(string(changed)); message == "" && got.Format(time.RFC3339) != strings.Replace(string(changed), "-00:00", "Z", 1) && got.Format(time.RFC3339) != strings.Replace(string(changed), "+00:00", "Z", 1) {
			t.Fatalf("%s is read as %s", changed, got.Format(time.RFC3339))
		}
	})
}
