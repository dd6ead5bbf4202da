package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/supervision/httpapi"
)

// evidence are the routes that answer with bytes to keep instead of JSON.
var evidence = map[string]bool{"/v1/entries/{index}/proof": true, "/v1/entries/{index}/raw": true, "/v1/receipts/{digest}": true}

// What the two routes give, together with the ledger's key, proves every entry;
// with another entry or key it proves nothing.
func TestEvidence(t *testing.T) {
	r := newRig(t)
	saySomething(r)
	key := r.ledger.Roster().LogKey()
	verifier, err := note.NewVerifier(key)
	r.must(err)
	var before []byte
	for index := range r.ledger.Head().Size {
		status, header, text := r.get(fmt.Sprintf("/v1/entries/%d/proof", index))
		if status != http.StatusOK || header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Fatalf("proof of %d: %d %s %s", index, status, header.Get("Content-Type"), text)
		}
		status, header, raw := r.get(fmt.Sprintf("/v1/entries/%d/raw", index))
		if status != http.StatusOK || header.Get("Content-Type") != "application/octet-stream" {
			t.Fatalf("entry %d: %d %s", index, status, header.Get("Content-Type"))
		}
		p, err := chain.ParseLogProof(text)
		r.must(err)
		h, c, err := p.Verify(suite.Default(), raw, verifier)
		if err != nil || h.Index != index || c.Size != r.ledger.Head().Size {
			t.Errorf("entry %d: %v", index, err)
		}
		if _, _, err := p.Verify(suite.Default(), before, verifier); !errors.Is(err, chain.ErrProof) {
			t.Errorf("the proof of %d holds for the entry before: %v", index, err)
		}
		before = raw
	}
	paths := document(r)["paths"]
	at(t, paths, "/v1/entries/{index}/proof", "get", "responses", "200", "content", "text/plain", "schema")
	at(t, paths, "/v1/entries/{index}/raw", "get", "responses", "200", "content", "application/octet-stream", "schema")
}

func TestEvidence_Refused(t *testing.T) {
	r := newRig(t)
	for _, what := range []string{"proof", "raw"} {
		if p := r.refused("/v1/entries/2/"+what, http.StatusNotFound); !strings.Contains(p.Cure, "0 to 1") {
			t.Errorf("%s: cure %q", what, p.Cure)
		}
		r.refused("/v1/entries/18446744073709551615/"+what, http.StatusNotFound)
		r.refused("/v1/entries/x/"+what, http.StatusUnprocessableEntity)
		r.refused("/v1/entries/1/"+what+"?form=json", http.StatusUnprocessableEntity)
		r.refused("/v1/entries/1/"+what+"?min=99", http.StatusGatewayTimeout)
	}
}

// A proof over damaged files is no answer.
func TestEvidence_Damaged(t *testing.T) {
	r := newRigWith(t, httpapi.Config{})
	r.behind(&faultyLog{read: fmt.Errorf("commit: %w", ledger.ErrDamaged)})
	for _, what := range []string{"proof", "raw"} {
		if p := r.refused("/v1/entries/1/"+what, http.StatusServiceUnavailable); !strings.Contains(p.Cure, "civicledger verify") {
			t.Errorf("%s: cure %q", what, p.Cure)
		}
	}
}

// Every submission has its receipt again, in any spelling of its digest.
func TestEvidence_Receipts(t *testing.T) {
	r := newRig(t)
	saySomething(r)
	verifier, err := note.NewVerifier(r.ledger.Roster().LogKey())
	r.must(err)
	found := 0
	for c, err := range r.ledger.Commits(0) {
		r.must(err)
		for at := 0; at < len(c.Entries); {
			h, _, err := chain.ParseEntry(c.Entries[at])
			r.must(err)
			sub := &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature}
			for range h.Count {
				_, line, err := chain.ParseEntry(c.Entries[at])
				r.must(err)
				sub.Lines, at = append(sub.Lines, bytes.Clone(line)), at+1
			}
			digest := sub.Digest(suite.Default(), r.ledger.Origin())
			for _, text := range []string{
				hex.EncodeToString(digest[:]), base64.URLEncoding.EncodeToString(digest[:]), base64.RawURLEncoding.EncodeToString(digest[:]),
				url.PathEscape(base64.StdEncoding.EncodeToString(digest[:])),
			} {
				status, header, body := r.get("/v1/receipts/" + text)
				receipt, err := chain.ParseReceipt(body)
				if status != http.StatusOK || err != nil || header.Get("Content-Type") != "application/json" {
					t.Fatalf("%s: %d %s %v", text, status, body, err)
				}
				r.must(receipt.Verify(sub.Lines, verifier))
			}
			found++
		}
	}
	if found < 2 {
		t.Errorf("%d submissions", found)
	}
	if p := r.refused("/v1/receipts/"+strings.Repeat("0", 64), http.StatusNotFound); !strings.Contains(p.Cure, "civicledger receipts") {
		t.Errorf("cure %q", p.Cure)
	}
	r.refused("/v1/receipts/12", http.StatusUnprocessableEntity)
	r.refused("/v1/receipts/"+strings.Repeat("0", 65), http.StatusUnprocessableEntity)
}
