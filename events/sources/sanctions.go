package sources

import (
	"regexp"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var sanctionsSource = &Source{
	Kind:    "org-sanctions",
	Title:   "penalties and listings of social organisations, typed from public notices",
	Types:   []string{"organisation.penalised.v1", "organisation.penalty.announced.v1", "organisation.listed.v1", "organisation.delisted.v1"},
	Example: "org-sanctions events.csv --out sanctions.jsonl",
	zone:    zoneChina,
	read: readTables(table{
		columns: []string{"event_id", "organisation", "authority", "date", "action", "listing", "cause"},
		key:     "event_id",
		say:     saySanction,
	}),
}

// sanction is one row: a penalty, a listing, or both.
type sanction struct {
	id, date, cause string
	organisation    ident.OrgRef
	by              ident.OrgRef
	jurisdiction    string
	common          catalogue.Common
}

func saySanction(sp *speaker, row *record) (all []said) {
	s := readSanction(sp, row)
	if action := row.number("action"); action != "" {
		all = append(all, s.penalty(row, action))
	}
	if listing := row.text("listing"); listing != "" {
		all = append(all, s.listing(row, listing, len(all) > 0))
	}
	if len(all) == 0 {
		row.fail(badRow("the row has neither action nor listing: complete it or leave it out"))
	}
	return all
}

func readSanction(sp *speaker, row *record) (s sanction) {
	s.cause = row.text("cause")
	s.organisation = ident.OrgRef{Name: row.text("organisation")}
	s.by = ident.OrgRef{Name: row.text("authority")}
	s.jurisdiction = sp.division(row, "authority")
	date, remark := lastDay(row)
	url, noURL := webAddress(row, "url")
	s.date, s.common = date, catalogue.Common{Note: joined("; ", row.text("note"), remark, noURL), Evidence: url}
	s.id = sp.identify(row, "sanction", s.organisation.Name, s.by.Name, s.date, narrow(row.text("action")), row.text("listing"), s.cause,
		row.number("public_spending_ratio_pct"), s.common.Note, s.common.Evidence)
	return s
}

// lastDay reads a day. Where the notice gives a year or a month only, its last
// day stands and the remark says so: a period that begins too late harms nobody.
func lastDay(row *record) (date, remark string) {
	text := row.number("date")
	switch {
	case ident.IsDate([]byte(text)):
		return text, ""
	case yearOnly.MatchString(text):
		date = text + "-12-31"
	case ident.IsMonth([]byte(text)):
		for _, day := range []string{"-31", "-30", "-29", "-28"} {
			if ident.IsDate([]byte(text + day)) {
				date = text + day
				break
			}
		}
	default:
		row.bad("date", text, "is not a day such as 2026-01-31, a month or a year")
	}
	return date, "date as published: " + text + "; its last day stands for it"
}

var yearOnly = regexp.MustCompile(`^(19|20|21)[0-9]{2}$`)

func (s *sanction) said(suffix, typ string, data any) said {
	return said{id: s.id + suffix, typ: typ, date: s.date, jurisdiction: s.jurisdiction, subject: s.organisation.Key(), data: data}
}

var (
	suspended = regexp.MustCompile(`^(?:限期)?停止活动([0-9]{1,3})个月$`)
	fined     = regexp.MustCompile(`^罚款([0-9][0-9.,]*)(万?元)$`)
)

var penaltyKinds = map[string]string{
	"警告": "warning", "撤销登记": "cancellation", "吊销登记证书": "revocation", "取缔": "ban", "限期停止活动": "suspension", "停止活动": "suspension",
}

const announced = "拟处罚公告"

func (s *sanction) penalty(row *record, action string) said {
	if action == announced {
		return s.said("", "organisation.penalty.announced.v1", catalogue.PenaltyAnnounced{
			Penalty: s.id, Organisation: s.organisation, By: s.by, Kind: "unstated", AnnouncedOn: s.date, Cause: s.cause, Common: s.common,
		})
	}
	d := catalogue.OrganisationPenalised{
		Penalty: s.id, Organisation: s.organisation, By: s.by, Kind: penaltyKinds[action],
		DecidedOn: s.date, Cause: s.cause, Common: s.common,
	}
	if match := suspended.FindStringSubmatch(action); match != nil {
		months, err := row.opts.scaled(match[1], 0)
		d.Kind, d.SuspensionMonths = "suspension", &months
		if err != nil {
			row.bad("action", action, "%v", err)
		}
	}
	if match := fined.FindStringSubmatch(action); match != nil {
		fine, err := row.opts.scaled(match[1], unitScale[match[2]])
		d.Kind, d.Fine, d.Currency = "fine", &fine, "CNY"
		if err != nil {
			row.bad("action", action, "%v", err)
		}
	}
	if d.Kind == "" {
		row.bad("action", action, "is no penalty this kind knows: 警告, 罚款N元, 停止活动N个月, 撤销登记, 吊销登记证书, 取缔 or 拟处罚公告")
	}
	d.SpendingRatioBp = row.optional("public_spending_ratio_pct", 2, "is not a percentage with at most two decimals")
	return s.said("", "organisation.penalised.v1", d)
}

// listing says what the notice says about a list. The circumstance stays
// unstated: notices name causes, not articles.
func (s *sanction) listing(row *record, text string, withPenalty bool) said {
	name, off := strings.CutPrefix(text, "移出")
	list := map[string]string{"活动异常名录": "abnormal", "严重违法失信名单": "serious"}[name]
	if list == "" {
		row.bad("listing", text, "is none of 活动异常名录, 严重违法失信名单, or 移出 before either")
	}
	if off {
		return s.said("-delisted", "organisation.delisted.v1", catalogue.OrganisationDelisted{
			List: list, Organisation: s.organisation, By: s.by, DecidedOn: s.date, Reason: "other", Common: s.common,
		})
	}
	d := catalogue.OrganisationListed{
		List: list, Circumstance: "unstated", Organisation: s.organisation, By: s.by,
		DecidedOn: s.date, Cause: s.cause, Common: s.common,
	}
	if withPenalty {
		d.Penalty = s.id
	}
	return s.said("-listed", "organisation.listed.v1", d)
}
