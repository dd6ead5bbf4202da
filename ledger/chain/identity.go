package chain

import (
	"encoding/hex"
	"fmt"

	"civicledger/ledger/suite"
)

// Domain tags: the first line of every text that is hashed or signed, so that
// no digest or signature of one kind can stand for another.
const (
	tagEventKey   = "civicledger event key v1\n"
	tagKeyID      = "civicledger key id v1\n"
	tagSubmission = "civicledger submission v1\n"
	tagEnrolment  = "civicledger enrolment v1\n"
)

// CheckAgency says whether name can be an agency's: [a-z0-9][a-z0-9-]{0,62}.
func CheckAgency(name string) error {
	ok := len(name) >= 1 && len(name) <= 63 && name[0] != '-'
	for i := 0; i < len(name) && ok; i++ {
		c := name[i]
		ok = c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
	}
	if !ok {
		return fmt.Errorf("agency name %q is not 1 to 63 of a-z, 0-9 and -, not beginning with -", name)
	}
	return nil
}

// CheckKeyID says whether id can be a key id: 16 lower-case hex digits.
func CheckKeyID(id string) error {
	ok := len(id) == 16
	for i := 0; i < len(id) && ok; i++ {
		c := id[i]
		ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
	}
	if !ok {
		return fmt.Errorf("key id %q is not 16 lower-case hex digits", id)
	}
	return nil
}

// KeyID names a public key: the first 8 bytes of a digest over the suite's
// name and the key, in hex.
func KeyID(s *suite.Suite, public []byte) string {
	sum := s.Sum([]byte(tagKeyID), []byte(s.Name()), []byte{'\n'}, public)
	return hex.EncodeToString(sum[:8])
}

// KeyOf returns the key of the event that agency calls id under source: the
// first 16 bytes of a digest over a domain tag and the three, one per line. It
// is the idempotency key of the ledger, for ever.
func KeyOf(s *suite.Suite, agency, source, id string) EventKey {
	var buf [256]byte // most texts fit: then nothing is allocated
	sum := s.Digest(appendKeyText(buf[:0], agency, source, id))
	return EventKey(sum[:16])
}

// AppendKeyText appends the text whose digest begins with the event's key, for
// whoever computes many at once: see KeyOf.
func (e *EnvelopeText) AppendKeyText(dst []byte, agency string) []byte {
	return appendKeyText(dst, agency, e.Source, e.ID)
}

// Key is KeyOf for the event of an agency.
func (e *EnvelopeText) Key(s *suite.Suite, agency string) EventKey {
	var buf [256]byte
	sum := s.Digest(appendKeyText(buf[:0], agency, e.Source, e.ID))
	return EventKey(sum[:16])
}

func appendKeyText[T string | []byte](text []byte, agency string, source, id T) []byte {
	text = append(text, tagEventKey...)
	text = append(append(text, agency...), '\n')
	text = append(append(text, source...), '\n')
	return append(append(text, id...), '\n')
}

// EnrolmentText is what an agency signs to prove that it holds the key that
// the operator enrols for it.
func EnrolmentText(s *suite.Suite, origin, agency string, public []byte) []byte {
	text := append([]byte(tagEnrolment), s.Name()...)
	text = append(append(append(text, '\n'), origin...), '\n')
	text = append(append(text, agency...), '\n')
	return append(b64.AppendEncode(text, public), '\n')
}
