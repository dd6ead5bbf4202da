package httpapi

import "civicledger/supervision"

type organisationsInput struct {
	Turning
	Text         string `query:"text" maxLength:"200" doc:"Part of a name."`
	List         string `query:"list" enum:"abnormal,serious" doc:"On this list now."`
	Kind         string `query:"kind" enum:"social-group,social-service,foundation,other" doc:"Kind of registration."`
	Penalised    bool   `query:"penalised" doc:"Only with a decided penalty."`
	Deregistered string `query:"deregistered" enum:"true,false" doc:"Only those that ceased to exist, or only the others."`
}

type organisationInput struct {
	Moment
	Key string `path:"key" maxLength:"600" doc:"Code, name:… as answers give it, or a full name."`
}

type listInput struct {
	Turning
	List string `path:"list" maxLength:"20" doc:"abnormal (活动异常名录) or serious (严重违法失信名单)."`
}

func (s *server) organisationRoutes() {
	const tag = "organisations"
	list(s, tag, "/v1/organisations", "list-organisations", "Organisations by key, with the lists each is on",
		func(in *organisationsInput) (*page[supervision.Organisation], error) {
			q := supervision.OrganisationQuestion{Text: in.Text, List: in.List, Kind: in.Kind, Penalised: in.Penalised, Turn: in.turn()}
			if in.Deregistered != "" {
				wanted := in.Deregistered == "true"
				q.Deregistered = &wanted
			}
			return s.desk.Organisations(q)
		})
	ask(s, tag, "/v1/organisations/{key}", "get-organisation", "An organisation with its credit history",
		func(in *organisationInput) (*one[supervision.OrganisationDetail], error) {
			return s.desk.Organisation(in.Key)
		})
	ask(s, tag, "/v1/lists", "list-lists", "The two lists of Order 60 (2018), with how many are on each",
		func(*Moment) (*page[supervision.List], error) { return s.desk.Lists() })
	list(s, tag, "/v1/lists/{list}", "list-members", "Who is on a list now: since when, why, and by whose decision",
		func(in *listInput) (*page[supervision.Member], error) { return s.desk.On(in.List, in.turn()) })
}
