package httpapi

import "civicledger/supervision"

type drawsInput struct {
	Turning
	Game  string `query:"game" enum:"ssq,3d,kl8,qlc,instant,other" doc:"Only this game."`
	From  string `query:"from" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" patternDescription:"a day such as 2026-07-31" doc:"First day."`
	To    string `query:"to" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" patternDescription:"a day such as 2026-07-31" doc:"Last day."`
	Check string `query:"check" enum:"holds,explain,unchecked" doc:"explain: the money does not add up."`
	Order string `query:"order" enum:"newest,oldest" default:"oldest" doc:"By number, up or down."`
}

type drawInput struct {
	Moment
	Game string `path:"game" maxLength:"20"`
	Draw string `path:"draw" maxLength:"128" doc:"Number of the draw, with its year." example:"2026014"`
}

type figuresInput struct {
	Turning
	Kind    string `query:"kind" enum:"collected,allocated,spent"`
	Scope   string `query:"scope" maxLength:"100" doc:"Whose figures, as printed: 全国."`
	Year    int64  `query:"year" minimum:"1949" maximum:"2199"`
	Item    string `query:"item" maxLength:"200" doc:"Part of the item as printed."`
	Differs bool   `query:"differs" doc:"Only figures on which announcements do not agree."`
}

func (s *server) lotteryRoutes() {
	const tag = "lottery"
	ask(s, tag, "/v1/games", "list-games", "Every game, with its draws summed up",
		func(*Moment) (*page[supervision.Game], error) { return s.desk.Games() })
	list(s, tag, "/v1/draws", "list-draws", "Draws by game and number, with whether the money adds up",
		func(in *drawsInput) (*page[supervision.Draw], error) {
			return s.desk.Draws(supervision.DrawQuestion{
				Game: in.Game, From: in.From, To: in.To, Check: in.Check, Newest: in.Order == "newest", Turn: in.turn(),
			})
		})
	ask(s, tag, "/v1/draws/{game}/{draw}", "get-draw", "One draw",
		func(in *drawInput) (*one[supervision.Draw], error) { return s.desk.Draw(in.Game, in.Draw) })
	list(s, tag, "/v1/welfare-fund", "list-welfare-fund", "Announced figures of the lotteries' public welfare fund",
		func(in *figuresInput) (*page[supervision.Figure], error) {
			return s.desk.WelfareFund(supervision.FigureQuestion{
				Kind: in.Kind, Scope: in.Scope, Year: in.Year, Item: in.Item, Differs: in.Differs, Turn: in.turn(),
			})
		})
}
