package catalogue

// LedgerOpened is entry 0 of a ledger. The authoritative parser of this family
// is ledger/roster; the tables here serve the intake and the printed schemas.
type LedgerOpened struct {
	Origin      string `json:"origin"`
	Suite       string `json:"suite"`
	LogKey      string `json:"logKey"`
	OperatorKey string `json:"operatorKey"`
	Timezone    string `json:"timezone"`
}

// AgencyEnrolled says which agency may say what, with which key.
type AgencyEnrolled struct {
	Agency        string   `json:"agency"`
	Name          string   `json:"name"`
	Types         []string `json:"types"`
	Jurisdictions []string `json:"jurisdictions"`
	Source        string   `json:"source"`
	Key           string   `json:"key"`
	Proof         string   `json:"proof"`
}

// AgencyKeyAdded gives an agency a further key.
type AgencyKeyAdded struct {
	Agency string `json:"agency"`
	Key    string `json:"key"`
	Proof  string `json:"proof"`
}

// AgencyKeyRevoked ends a key at this entry's index.
type AgencyKeyRevoked struct {
	Agency string `json:"agency"`
	KeyID  string `json:"keyId"`
	Reason string `json:"reason"`
}

// OperatorKeyRotated replaces the operator's key.
type OperatorKeyRotated struct {
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// LogKeyRotated replaces the key that signs checkpoints.
type LogKeyRotated struct {
	LogKey string `json:"logKey"`
}

// DayClosed says that a local day is over: nothing recorded in it follows.
type DayClosed struct {
	Day string `json:"day"`
}

// LogCutAccepted says that entries were lost and that the operator goes on
// without them.
type LogCutAccepted struct {
	Size   int64      `json:"size"`
	Known  []CutKnown `json:"known"`
	Reason string     `json:"reason"`
}

// CutKnown is something that knew how many entries there were.
type CutKnown struct {
	By   string `json:"by"`
	Size *int64 `json:"size,omitzero"`
}

const (
	sampleKey     = `"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="`
	sampleNoteKey = `"ledger.example.org+7560eb88+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"`
)

func agency() Field {
	return Field{Name: "agency", Kind: Agency, Required: true, Doc: "Name of the agency: [a-z0-9][a-z0-9-]{0,62}."}
}

func key(name, doc string) Field {
	return Field{Name: name, Kind: Key, Required: true, Doc: doc, Sample: sampleKey}
}

func proof() Field {
	return Field{Name: "proof", Kind: Proof, Required: true, Doc: "Signature with the new key that proves its possession, standard base64.", Sample: sampleKey}
}

func noteKey() Field {
	return Field{Name: "logKey", Kind: NoteKey, Required: true, Doc: "C2SP note verifier key of the log.", Sample: sampleNoteKey}
}

var _ = define[LedgerOpened](familySystem, Type{
	Name: "ledger.opened.v1", TitleEN: "Ledger opened", TitleZH: "账本创建",
	Meaning:     "Entry 0: name, suite and keys of the ledger.",
	LegalSource: "the ledger's own rules; 政务数据共享条例 art 35 (protection against tampering)",
	Fields: []Field{
		shown(`"ledger.example.org"`, text("origin", 200, "Name of the log in its checkpoints.")),
		shown(`"sha256-ed25519"`, slug("suite", "Hash and signature scheme.")),
		noteKey(),
		key("operatorKey", "Operator's public key, standard base64."),
		shown(`"Asia/Shanghai"`, text("timezone", 64, "IANA zone of local days.")),
	},
})

var _ = define[AgencyEnrolled](familySystem, Type{
	Name: "agency.enrolled.v1", TitleEN: "Agency enrolled", TitleZH: "机构接入",
	Meaning:     "From this index on the agency may say these types in these jurisdictions under this source, signed with this key. Said again, it changes the rights.",
	LegalSource: "the ledger's own rules; 政务数据共享条例 art 26, 29",
	Fields: []Field{
		agency(),
		text("name", 200, "Name of the agency for people."),
		texts("types", Pattern, 1, 100, `Types it may say: a type, "family.*" or "*".`),
		texts("jurisdictions", Grant, 1, 100, `Jurisdictions it may speak for, what lies under them included, or "*".`),
		{Name: "source", Kind: URI, Required: true, Max: 256, Doc: "URI under which the sources of its events lie."},
		key("key", "Public key, standard base64."),
		proof(),
	},
})

var _ = define[AgencyKeyAdded](familySystem, Type{
	Name: "agency.key.added.v1", TitleEN: "Agency key added", TitleZH: "机构密钥新增",
	Meaning:     "The agency has a further key; earlier ones stay valid.",
	LegalSource: "the ledger's own rules",
	Fields:      []Field{agency(), key("key", "Public key, standard base64."), proof()},
})

var _ = define[AgencyKeyRevoked](familySystem, Type{
	Name: "agency.key.revoked.v1", TitleEN: "Agency key revoked", TitleZH: "机构密钥吊销",
	Meaning:     "From this index on nothing signed with the key is accepted.",
	LegalSource: "the ledger's own rules",
	Fields: []Field{
		agency(),
		{Name: "keyId", Kind: KeyID, Required: true, Doc: "Id of the key."},
		text("reason", 300, "Why."),
	},
})

var _ = define[OperatorKeyRotated](familySystem, Type{
	Name: "operator.key.rotated.v1", TitleEN: "Operator key rotated", TitleZH: "运营方密钥更换",
	Meaning:     "From the next entry on the operator signs with this key.",
	LegalSource: "the ledger's own rules",
	Fields:      []Field{key("key", "Public key, standard base64."), proof()},
})

var _ = define[LogKeyRotated](familySystem, Type{
	Name: "log.key.rotated.v1", TitleEN: "Log key rotated", TitleZH: "日志密钥更换",
	Meaning:     "From the next checkpoint on the log is signed with this key.",
	LegalSource: "the ledger's own rules",
	Fields:      []Field{noteKey()},
})

var _ = define[DayClosed](familySystem, Type{
	Name: "day.closed.v1", TitleEN: "Day closed", TitleZH: "日切",
	Meaning:     "The local day is over; no entry recorded in it follows. Deadlines and periods are driven by it.",
	LegalSource: "the ledger's own rules",
	Fields:      []Field{date("day", "The day, in the ledger's time zone.")},
})

var _ = define[LogCutAccepted](familySystem, Type{
	Name: "log.cut.accepted.v1", TitleEN: "Loss of entries accepted", TitleZH: "条目丢失确认",
	Meaning:     "Entries that stood behind this place were lost; the operator admits it and goes on without them. Whoever holds a checkpoint or receipt of more entries learns here why the log does not extend it.",
	LegalSource: "the ledger's own rules",
	Fields: []Field{
		integer("size", 1, 1<<53-1, "How many entries remained: the index of this one."),
		list("known", 1, 20, "What knew of more entries, or should have.", nil,
			text("by", 300, "A stored checkpoint, the index, a later frame of the book."),
			opt(integer("size", 1, 1<<53-1, "How many entries it knew of; absent where it could not be read.")),
		),
		text("reason", 500, "Why, in the operator's words."),
	},
})
