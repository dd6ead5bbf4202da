package sample

import (
	"fmt"
	"time"

	"civicledger/events"
	"civicledger/events/ident"
)

var beijing = time.FixedZone("", 8*3600)

// voice collects the lines of one invented agency.
type voice struct {
	agency       Agency
	jurisdiction string
	lines        [][]byte
}

func newVoice(agency string) *voice {
	a := agencyOf(agency)
	return &voice{agency: a, jurisdiction: a.Jurisdictions[0]}
}

// say adds an event that happened on a day.
func (v *voice) say(typ, id, date, subject string, data any) {
	at, err := time.ParseInLocation("2006-01-02", date, beijing)
	if err != nil {
		panic(fmt.Sprintf("sample: %s: %v", id, err))
	}
	line, err := events.Encode(&events.Event{
		ID: id, Source: v.agency.Source, Type: typ, Time: at, Subject: subject, Jurisdiction: v.jurisdiction,
	}, data)
	if err != nil {
		panic(fmt.Sprintf("sample: %s: %v", id, err))
	}
	v.lines = append(v.lines, line)
}

// cityKey is public: it makes tokens that stand for nobody.
var cityKey = ident.CityKey{Epoch: 1, Secret: []byte("civicledger sample: not a secret")}

// person is the token of an invented person.
func person(name string) string {
	token, err := cityKey.Token("resident", "synthetic-"+name)
	if err != nil {
		panic(err)
	}
	return token
}
