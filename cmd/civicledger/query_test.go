package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// asked runs query against a server that gives one answer.
func asked(t *testing.T, answer http.HandlerFunc, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	cmd := newQueryCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "--server", server.URL))
	err := cmd.Execute()
	return out.String(), err
}

func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestQuery_WhatTheServerAnswersInstead(t *testing.T) {
	const problem = "application/problem+json"
	for _, c := range []struct {
		name, contentType, body, want string
		status, exit                  int
	}{
		{"not found", problem, `{"title":"Not Found","status":404,"detail":"no fund \"x\"","cure":"look elsewhere"}`, "look elsewhere", 404, exitBadNews},
		{"behind", problem, `{"title":"Gateway Timeout","status":504,"detail":"entry 9 is not on the log","size":3}`, "entry 9", 504, exitCouldNot},
		{"bad parameter", problem, `{"title":"","status":422,"detail":"no","errors":[{"location":"query.limit","message":"too many"}]}`, "query.limit: too many", 422, exitCouldNot},
		{"somebody else's server", "text/html", "<html>", "is this a civicledger server?", 404, exitCouldNot},
		{"no JSON", "application/json", "<html>", "cannot be read", 200, exitCouldNot},
		{"cut short", "application/json", `{"asOf":{"index":1`, "cannot be read", 200, exitCouldNot},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := asked(t, says(c.status, c.contentType, c.body), "funds")
			var exit *exitError
			code := exitCouldNot
			if errors.As(err, &exit) {
				code = exit.code
			}
			if err == nil || code != c.exit || !strings.Contains(err.Error(), c.want) || out != "" {
				t.Errorf("exit %d, %v, printed %q", code, err, out)
			}
		})
	}
}

func TestQuery_JSONAsItCame(t *testing.T) {
	const body = `{"asOf":{"index":0,"size":0,"checkpoint":""},"items":[ {"fund":"a", "later":"member of a newer server"} ]}`
	out, err := asked(t, says(200, "application/json", body+"\n"), "funds", "--json")
	if err != nil || out != body+"\n" {
		t.Errorf("%v %q", err, out)
	}
}

func TestQuery_AllFollowsPages(t *testing.T) {
	var seen []string
	out, err := asked(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		seen = append(seen, q.Get("limit")+"/"+q.Get("cursor")+"/"+q.Get("text"))
		next := map[string]string{"": "one", "one": "two", "two": ""}[q.Get("cursor")]
		w.Write([]byte(`{"asOf":{"index":7,"size":8,"recorded":"2026-01-01T00:00:00.000Z","checkpoint":"o\n9\nroot\n"},"items":[{"fund":"f` + q.Get("cursor") + `","name":"基金"}],"next":"` + next + `"}`))
	}, "funds", "--all", "--text", "基")
	if err != nil {
		t.Fatal(err)
	}
	if want := "1000//基 1000/one/基 1000/two/基"; strings.Join(seen, " ") != want {
		t.Errorf("asked %v", seen)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; last != "as of entry 7, recorded 2026-01-01T00:00:00.000Z, checkpoint size 9" {
		t.Errorf("last line %q", last)
	}
	for _, want := range []string{"ftwo", "3 items"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestThousandths(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 500: "0.5", 2_000: "2", 198_250: "198.25", 1_001: "1.001"} {
		if got := thousandths(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
