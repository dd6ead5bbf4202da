package suite

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"
)

// RFC 6962 roots as published with the certificate-transparency reference tests.
func TestSuite_KnownRoots(t *testing.T) {
	s := Default()
	if got := hex.EncodeToString(sum(s.EmptyRoot())); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty root = %s", got)
	}
	if got := hex.EncodeToString(sum(s.Leaf(nil))); got != "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" {
		t.Errorf("leaf of nothing = %s", got)
	}
	l0 := s.Leaf(nil)
	l1 := s.Leaf([]byte{0})
	if got := hex.EncodeToString(sum(s.Node(l0, l1))); got != "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" {
		t.Errorf("root of two = %s", got)
	}
}

func sum(h Hash) []byte { return h[:] }

func TestLookup(t *testing.T) {
	if s, err := Lookup(SHA256Ed25519); err != nil || s.Name() != SHA256Ed25519 {
		t.Fatalf("Lookup = %v, %v", s, err)
	}
	if _, err := Lookup("md5-none"); !errors.Is(err, ErrUnknown) {
		t.Fatalf("Lookup of a foreign suite = %v", err)
	}
}

func TestSuite_Verify_RefusesWrong(t *testing.T) {
	s := Default()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sig := ed25519.Sign(priv, []byte("text"))
	if !s.Verify(pub, []byte("text"), sig) {
		t.Error("own signature refused")
	}
	flipped := append([]byte(nil), sig...)
	flipped[3] ^= 1
	for name, ok := range map[string]bool{
		"other text":      s.Verify(pub, []byte("texT"), sig),
		"flipped bit":     s.Verify(pub, []byte("text"), flipped),
		"short signature": s.Verify(pub, []byte("text"), sig[:63]),
		"short key":       s.Verify(pub[:31], []byte("text"), sig),
		"no key":          s.Verify(nil, []byte("text"), sig),
	} {
		if ok {
			t.Errorf("%s accepted", name)
		}
	}
}
