package suite

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
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

// The ways around Sum give what Sum gives, in a suite that calls SHA-256
// directly and in one that does not.
func TestSuite_ShortWaysAgreeWithSum(t *testing.T) {
	streamed := &Suite{name: "streamed", hashers: sync.Pool{New: func() any { return sha256.New() }}}
	data := make([]byte, 1+1000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, s := range []*Suite{Default(), streamed} {
		for n := 1; n < len(data); n += 13 {
			want := s.Sum([]byte{0}, data[1:n])
			if s.Leaf(data[1:n]) != want || s.LeafInPlace(data[:n]) != want || s.Digest(data[:n]) != want {
				t.Fatalf("%s, %d bytes: leaf hashes differ", s.name, n)
			}
		}
		l, r := s.Digest(data[:3]), s.Digest(data[:5])
		if s.Node(l, r) != s.Sum([]byte{1}, l[:], r[:]) {
			t.Errorf("%s: nodes differ", s.name)
		}
	}
}

// Every entry is hashed three times: nothing of that may make garbage.
func TestSuite_DoesNotAllocate(t *testing.T) {
	s := Default()
	buf := make([]byte, 600)
	l, r := s.Digest(buf), s.Digest(buf[1:])
	if n := testing.AllocsPerRun(100, func() { l, r = s.Node(l, r), s.LeafInPlace(buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNode(b *testing.B) {
	s := Default()
	l, r := s.Leaf(nil), s.Leaf([]byte{0})
	b.ReportAllocs()
	for b.Loop() {
		l = s.Node(l, r)
	}
}
