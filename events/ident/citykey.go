package ident

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// CityKey is the secret under which persons become tokens, and the epoch that
// names it. Who holds it can enumerate identity numbers and read the log by
// name; losing it means that nobody can.
type CityKey struct {
	Epoch  uint32
	Secret []byte
}

// ErrCityKeyText is wrapped by every error about the text of a city key.
var ErrCityKeyText = errors.New("not a city key")

const cityKeyHead = "civicledger city key v1"

// NewCityKey makes a random key of 32 bytes.
func NewCityKey(epoch uint32) (CityKey, error) {
	if epoch == 0 || epoch > 999_999_999 {
		return CityKey{}, ErrEpoch
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: see crypto/rand
	return CityKey{epoch, secret}, nil
}

// Text is the key's one form in a file: a line that names the form, a line with
// the epoch, a line with the secret in standard base64.
func (k CityKey) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", cityKeyHead, k.Epoch, base64.StdEncoding.EncodeToString(k.Secret))
}

// ParseCityKey reads what Text writes and nothing else.
func ParseCityKey(text string) (CityKey, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != cityKeyHead {
		return CityKey{}, fmt.Errorf("%w: it must begin with %q and have three lines", ErrCityKeyText, cityKeyHead)
	}
	epoch, err := strconv.ParseUint(lines[1], 10, 32)
	if err != nil {
		return CityKey{}, fmt.Errorf("%w: the second line must be the epoch", ErrCityKeyText)
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(secret) != 32 {
		return CityKey{}, fmt.Errorf("%w: the third line must be the base64 of 32 bytes", ErrCityKeyText)
	}
	k := CityKey{uint32(epoch), secret}
	if k.Text() != text || epoch == 0 || epoch > 999_999_999 {
		return CityKey{}, fmt.Errorf("%w: not in the form in which it was written", ErrCityKeyText)
	}
	return k, nil
}

// Token is Token under this key.
func (k CityKey) Token(kind, id string) (string, error) { return Token(k.Secret, k.Epoch, kind, id) }
