package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors of Token.
var (
	ErrCityKey = errors.New("a city key has at least 32 bytes")
	ErrKind    = errors.New("a kind is lower-case letters, 1 to 16")
	ErrEpoch   = errors.New("an epoch is 1 to 999999999")
	ErrID      = errors.New("an id to be tokenised must not be empty")
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token is the name under which a natural person, a household or an account
// stands on the log: st1.<epoch>.<base32 of the first 16 bytes of
// HMAC-SHA-256(city key, kind, NUL, normalised id)>. The epoch names the city
// key. Who holds the key can enumerate identity numbers: few should.
func Token(cityKey []byte, epoch uint32, kind, id string) (string, error) {
	if len(cityKey) < 32 {
		return "", ErrCityKey
	}
	if epoch == 0 || epoch > 999_999_999 {
		return "", ErrEpoch
	}
	if len(kind) == 0 || len(kind) > 16 || !each(kind, func(c byte) bool { return c >= 'a' && c <= 'z' }) {
		return "", fmt.Errorf("%w: %q", ErrKind, kind)
	}
	normal := NormaliseID(id)
	if normal == "" {
		return "", ErrID
	}
	mac := hmac.New(sha256.New, cityKey)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write([]byte(normal))
	return "st1." + strconv.FormatUint(uint64(epoch), 10) + "." + tokenText.EncodeToString(mac.Sum(nil)[:16]), nil
}

// IsToken reports whether s has the form that Token writes.
func IsToken(s []byte) bool {
	const head, code = "st1.", 26
	if len(s) < len(head)+2+code || string(s[:len(head)]) != head {
		return false
	}
	epoch, text := s[len(head):len(s)-code-1], s[len(s)-code:]
	if s[len(s)-code-1] != '.' || len(epoch) > 9 || epoch[0] == '0' {
		return false
	}
	for _, c := range epoch {
		if !isDigit(c) {
			return false
		}
	}
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= '2' && c <= '7') {
			return false
		}
	}
	// 26 characters hold 130 bits; the last two must be zero.
	return strings.IndexByte("aeimquy4", text[code-1]) >= 0
}
