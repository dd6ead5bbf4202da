// Package suite names a hash and a signature scheme and verifies with them.
//
// A ledger chooses its suite once, at init: the name stands in the genesis
// entry and in every signed text, and is never negotiated (so nothing signed
// under one suite can be replayed under another). The package holds no private
// key and signs nothing; ledger/keys does that.
//
// Tree hashing is RFC 6962 section 2.1: leaves are prefixed with 0x00, inner
// nodes with 0x01.
package suite

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// HashSize is the size of every digest in bytes; all suites share it.
const HashSize = 32

// Hash is a digest. Its zero value stands for "nothing before" in entry 0.
type Hash [HashSize]byte

// ErrUnknown is returned by Lookup for a name that no suite has.
var ErrUnknown = errors.New("unknown suite")

// SHA256Ed25519 is the name of the first suite: SHA-256 and Ed25519 (RFC 8032).
const SHA256Ed25519 = "sha256-ed25519"

// Suite is a hash and a signature scheme under one name. Its methods may be
// called from any number of goroutines at once.
type Suite struct {
	name      string
	hashers   sync.Pool
	sha256    bool // the hash is SHA-256: see Digest
	publicKey int
	signature int
	verify    func(public, message, signature []byte) bool
}

var suites = []*Suite{{
	name:      SHA256Ed25519,
	hashers:   sync.Pool{New: func() any { return sha256.New() }},
	sha256:    true,
	publicKey: ed25519.PublicKeySize,
	signature: ed25519.SignatureSize,
	verify: func(public, message, signature []byte) bool {
		return ed25519.Verify(ed25519.PublicKey(public), message, signature)
	},
}}

// Lookup returns the suite of that name, or an error that wraps ErrUnknown.
func Lookup(name string) (*Suite, error) {
	for _, s := range suites {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("suite %q: %w", name, ErrUnknown)
}

// Default returns the suite of a ledger whose founder names none.
func Default() *Suite { return suites[0] }

// Name returns the name that goes into signed texts.
func (s *Suite) Name() string { return s.name }

// PublicKeySize returns the size in bytes of a public key.
func (s *Suite) PublicKeySize() int { return s.publicKey }

// SignatureSize returns the size in bytes of a signature.
func (s *Suite) SignatureSize() int { return s.signature }

// Verify reports whether signature is public's signature of message. Keys and
// signatures of a wrong size are simply not valid.
func (s *Suite) Verify(public, message, signature []byte) bool {
	if len(public) != s.publicKey || len(signature) != s.signature {
		return false
	}
	return s.verify(public, message, signature)
}

// NewHash returns a fresh hash for streaming input.
func (s *Suite) NewHash() hash.Hash { return s.hashers.New().(hash.Hash) }

// Sum returns the digest of the parts, one after the other.
func (s *Suite) Sum(parts ...[]byte) Hash {
	h := s.hashers.Get().(hash.Hash)
	defer s.hashers.Put(h)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	var out Hash
	h.Sum(out[:0])
	return out
}

// Digest returns the digest of data, which may lie on the caller's stack: it
// is handed to SHA-256 directly, since what passes through an interface is put
// on the heap first.
func (s *Suite) Digest(data []byte) Hash {
	if s.sha256 {
		return sha256.Sum256(data)
	}
	return s.Sum(bytes.Clone(data))
}

// RFC 6962 section 2.1: what is hashed before a leaf and before two nodes.
const leafPrefix, nodePrefix = 0, 1

// Leaf returns the RFC 6962 leaf hash of data.
func (s *Suite) Leaf(data []byte) Hash { return s.Sum([]byte{leafPrefix}, data) }

// LeafInPlace returns the leaf hash of buf[1:] in one pass without a copy: it
// overwrites buf[0] with the prefix.
func (s *Suite) LeafInPlace(buf []byte) Hash {
	buf[0] = leafPrefix
	return s.Digest(buf)
}

// Node returns the RFC 6962 hash of the inner node above left and right.
func (s *Suite) Node(left, right Hash) Hash {
	var buf [1 + 2*HashSize]byte
	buf[0] = nodePrefix
	copy(buf[1:], left[:])
	copy(buf[1+HashSize:], right[:])
	return s.Digest(buf[:])
}

// EmptyRoot returns the root of the tree without leaves.
func (s *Suite) EmptyRoot() Hash { return s.Sum() }
