package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// TestCodec_IsStrict registers a route that reads a body with our
// configuration: the product has none yet, and the first one must find the
// doors shut.
func TestCodec_IsStrict(t *testing.T) {
	type input struct {
		Body struct {
			Amount int64 `json:"amount"`
		}
	}
	type output struct {
		Body struct {
			Amount int64 `json:"amount"`
		}
	}
	mux := http.NewServeMux()
	s := &server{mux: mux, version: "test"}
	api := humago.New(mux, s.humaConfig())
	huma.Register(api, huma.Operation{OperationID: "echo", Method: http.MethodPost, Path: "/echo"},
		func(_ context.Context, in *input) (*output, error) {
			out := &output{}
			out.Body.Amount = in.Body.Amount
			return out, nil
		})
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"plain", `{"amount":5}`, http.StatusOK},
		{"another case", `{"AMOUNT":5}`, http.StatusUnprocessableEntity},
		{"another case beside it", `{"amount":5,"Amount":7}`, http.StatusUnprocessableEntity},
		{"twice", `{"amount":5,"amount":7}`, http.StatusBadRequest},
		{"bad UTF-8", "{\"amount\":5,\"\xff\":1}", http.StatusBadRequest},
		{"unknown member", `{"amount":5,"sum":7}`, http.StatusUnprocessableEntity},
		{"something behind", `{"amount":5}{}`, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			request := httptest.NewRequest(http.MethodPost, "/echo", strings.NewReader(c.body))
			request.Header.Set("Content-Type", "application/json")
			mux.ServeHTTP(w, request)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.status == http.StatusOK && w.Body.String() != `{"amount":5}` {
				t.Errorf("answered %s", w.Body)
			}
		})
	}
}

func TestCodec_WritesOneForm(t *testing.T) {
	var out bytes.Buffer
	err := strictJSON.Marshal(&out, struct {
		List  []int          `json:"list"`
		Map   map[string]int `json:"map"`
		Angle string         `json:"angle"`
	}{nil, map[string]int{"b": 1, "a": 2}, "<&>"})
	if err != nil || out.String() != `{"list":[],"map":{"a":2,"b":1},"angle":"<&>"}` {
		t.Errorf("%v %s", err, out.String())
	}
}
