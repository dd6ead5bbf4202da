package supervision

import (
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/projections"
	"civicledger/projections/credit"
)

var listTitles = map[string]Title{
	credit.Abnormal: {ZH: "活动异常名录", EN: "List of abnormal activity"},
	credit.Serious:  {ZH: "严重违法失信名单", EN: "List of serious breaches of law and trust"},
}

// circumstances of Order 60 (2018): A of its art 11, B of its art 15, by item.
var circumstances = map[string]Title{
	"A1":       {ZH: "未按规定时限和要求报送年度工作报告", EN: "annual report not filed on time and as required"},
	"A2":       {ZH: "未按规定设立党组织", EN: "no Party organisation set up as required"},
	"A3":       {ZH: "责令整改后未按期完成整改", EN: "ordered rectification not done by its deadline"},
	"A4":       {ZH: "公开募捐资格条件不再符合", EN: "conditions of public fundraising no longer met"},
	"A5":       {ZH: "受到警告或者不满5万元罚款", EN: "warning, or fine below 50,000 yuan"},
	"A6":       {ZH: "通过登记的住所无法取得联系", EN: "cannot be contacted at the registered address"},
	"A7":       {ZH: "法律、行政法规规定的其他情形", EN: "other case named by law or administrative regulation"},
	"B1":       {ZH: "被列入活动异常名录满2年", EN: "two full years on the list of abnormal activity"},
	"B2":       {ZH: "弄虚作假办理变更登记被撤销", EN: "change of registration obtained by fraud and revoked"},
	"B3":       {ZH: "受到限期停止活动行政处罚", EN: "activity suspended for a period"},
	"B4":       {ZH: "受到5万元以上罚款", EN: "fine of 50,000 yuan or more"},
	"B5":       {ZH: "三年内两次以上受到警告或者不满5万元罚款", EN: "two or more warnings or smaller fines within three years"},
	"B6":       {ZH: "被人民法院纳入失信被执行人名单", EN: "listed by a court for not obeying a judgment"},
	"B7":       {ZH: "被吊销登记证书、撤销设立登记", EN: "certificate revoked or registration cancelled"},
	"B8":       {ZH: "法律、行政法规规定的其他情形", EN: "other case named by law or administrative regulation"},
	"unstated": {ZH: "公告未载明", EN: "not stated in the notice"},
}

func circumstancesOf(codes []string) []Circumstance {
	return each(codes, func(code string) Circumstance {
		c := Circumstance{Code: code, Title: circumstances[code]}
		if item, ok := strings.CutPrefix(code, "A"); ok {
			c.Basis = "Order 60 (2018) art 11(" + item + ")"
		}
		if item, ok := strings.CutPrefix(code, "B"); ok {
			c.Basis = "Order 60 (2018) art 15(" + item + ")"
		}
		return c
	})
}

func listing(list string, s *credit.ListStatus) Listing {
	return Listing{
		List: list, Title: listTitles[list], Since: s.Since, Restarted: s.Restarted, Cause: s.Cause, Index: s.Index,
		Circumstances: circumstancesOf(s.Circumstances), By: Party{s.By, s.ByName},
	}
}

func organisation(v *projections.View, o *credit.Organisation) Organisation {
	out := Organisation{
		Key: o.Organisation, Code: o.Code, CodeCheck: o.CodeCheck, Name: o.Name, Jurisdiction: o.Jurisdiction,
		Listed: []Listing{}, Penalties: len(o.Penalties), LastIndex: o.LastIndex,
		NotJoined: notJoined(v, o.Organisation),
	}
	if o.Registration != nil {
		out.Kind = o.Registration.Kind
	}
	if o.Rating != nil {
		out.Grade = o.Rating.Grade
	}
	if o.Deregistered != nil {
		out.Deregistered = o.Deregistered.Date
	}
	for _, list := range []string{credit.Abnormal, credit.Serious} {
		if s := o.On(list); s.Listed {
			out.Listed = append(out.Listed, listing(list, s))
		}
	}
	return out
}

func organisationDetail(v *projections.View, o *credit.Organisation) OrganisationDetail {
	out := OrganisationDetail{
		Organisation: organisation(v, o), Names: o.Names, Registration: registration(o.Registration), Stays: []Stay{},
		Rating: o.Rating, Reports: o.Reports, Inspections: o.Inspections, Rectifications: o.Rectifications,
		Announced: o.Announced, Deregistration: o.Deregistered,
		Decided: each(o.Penalties, penalty),
		History: each(o.History[max(0, len(o.History)-MaxLimit):], func(f credit.Fact) Fact {
			return Fact{Index: f.Index, Type: f.Type, Date: f.Date, Title: typeTitle(f.Type)}
		}),
	}
	for _, list := range []string{credit.Abnormal, credit.Serious} {
		for _, s := range o.On(list).Stays {
			out.Stays = append(out.Stays, Stay{
				List: list, From: s.From, To: s.To, Reason: s.Reason, Circumstances: circumstancesOf(s.Circumstances), Index: s.Index,
			})
		}
	}
	slices.SortStableFunc(out.Stays, func(a, b Stay) int { return strings.Compare(a.From, b.From) })
	return out
}

func penalty(p credit.Penalty) Penalty {
	return Penalty{
		Index: p.Index, Penalty: p.Penalty, Kind: p.Kind, Fine: maybe(p.Fine, p.Currency), Confiscated: maybe(p.Confiscated, p.Currency),
		By: Party{p.By, p.ByName}, DecidedOn: p.DecidedOn, EffectiveOn: p.EffectiveOn, Cause: p.Cause,
	}
}

func registration(r *credit.Registration) *Registration {
	if r == nil {
		return nil
	}
	return &Registration{
		Index: r.Index, Kind: r.Kind, Registrar: Party{r.Registrar, r.RegistrarName}, RegisteredOn: r.RegisteredOn,
		FormerNames: r.FormerNames, Charity: r.Charity, PublicFundraising: r.PublicFundraising, NetAssets: maybe(r.NetAssets, r.Currency),
	}
}

// maybe is a sum that may not be stated.
func maybe(amount *int64, currency string) *Money {
	if amount == nil {
		return nil
	}
	return new(sum(*amount, currency))
}

// typeTitle is an event type in words, nil where the catalogue lacks it.
func typeTitle(name string) *Title {
	t, ok := catalogue.Lookup(name)
	if !ok {
		return nil
	}
	return &Title{ZH: t.TitleZH, EN: t.TitleEN}
}
