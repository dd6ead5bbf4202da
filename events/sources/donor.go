package sources

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

// withheldNote stands where a published name was not taken over.
const withheldNote = "name not taken over: the published text may name a natural person"

// donor says who gave, as far as it may be said. Kinds are those of the Wuhan
// files. A person is named by a token where there is a city key and the file
// has a pseudonym, else not at all; a masked name (*琪) is still a name.
func (sp *speaker) donor(row *record) (donor catalogue.Donor, note string) {
	name := row.text("donor")
	switch kind := row.text("donor_kind"); kind {
	case "org":
		org, ok := organisationName(name)
		if !ok {
			return catalogue.Donor{Kind: "unstated"}, withheldNote
		}
		return catalogue.Donor{Kind: "org", Organisation: &ident.OrgRef{Name: org}}, ""
	case "person", "person_masked":
		donor.Kind = "person"
		if pseudonym.MatchString(name) {
			donor.Token = sp.token(row, "donor", name)
		}
	case "anonymous", "unstated":
		donor.Kind = kind
	default:
		row.bad("donor_kind", kind, "is none of org, person, person_masked, anonymous, unstated")
	}
	return donor, ""
}

// token stands for a person; "" where there is no city key.
func (sp *speaker) token(row *record, namespace, name string) string {
	if sp.CityKey == nil {
		return ""
	}
	token, err := sp.CityKey.Token(namespace, name)
	row.fail(err)
	return token
}

// pseudonym is what stands for a natural person in the public files.
var pseudonym = regexp.MustCompile(`^[PR][0-9]{5,8}$`)

// organisationName is the part of a published donor text that is surely the
// name of an organisation. Publishers put everything into that column: names
// of staff behind the name of the firm, lists of givers with their sums,
// relatives in brackets. So a remark in brackets at the end is cut off, and the
// rest counts only if it is no list and ends as organisations' names end (or
// with "all staff" behind such a name). What is left out this way was not an
// organisation, or cannot be told from one without reading it.
func organisationName(text string) (string, bool) {
	name, ok := withoutRemark(strings.Join(strings.Fields(text), " "))
	name = strings.TrimRight(name, " .。;；,，")
	if !strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return name, ok && latinEnding.MatchString(name)
	}
	if !ok || len([]rune(name)) < 4 || listLike.MatchString(name) || startsWithPerson(name) {
		return "", false
	}
	return name, organisationEnding.MatchString(collective.ReplaceAllString(name, ""))
}

var (
	listLike = regexp.MustCompile(`[、，,;；:：\[\]*@/+]|先生|女士|同志|小朋友|夫妇|一家|家人|粉丝|捐赠额|捐款[^专账帐户]|捐款$|代捐|[0-9０-９.．]+ ?(元|万|千|块)`)
	// endings of one character are those that given names do not have
	organisationEnding = regexp.MustCompile(`(公司|集团|企业|协会|商会|学会|总会|分会|联合会|红十字会|基金会|慈善会|工会|委员会|居委会|村委会|研究会|促进会|同学会|校友会|同乡会|联谊会|理事会|佛教会|工商联|` +
		`医院|卫生院|诊所|药店|药房|门诊部|大学|学院|学校|中学|小学|幼儿园|研究院|研究所|设计院|事务所|检察院|法院|敬老院|福利院|` +
		`银行|支行|分行|商行|农商行|信用社|合作社|合作联社|供销社|旅行社|报社|出版社|` +
		`[厂局厅处]|中心|部门|总部|分部|支部|党委|党总支|党组|机关|政府|派出所|管理所|交易所|财政所|供电所|研究室|办公室|办事处|街道办|` +
		`支队|大队|总队|部队|中队|专卖店|旗舰店|超市|商店|酒店|饭店|分店|经营部|营业部|服务部|工作室|俱乐部|` +
		`专户|账户|帐户|图书馆|博物馆|大使馆|领事馆|公园|车站|加油站|收费站|工作站|电视台|教堂|[寺庵庙]|街道|社区)$`)
	latinEnding = regexp.MustCompile(`(?i)(\bLTD|\bLIMITED|\bINC|\bCORP|\bCORPORATION|\bLLC|\bGMBH|\bFOUNDATION|\bASSOCIATION|\bUNIVERSITY|\bSCHOOL|\bBANK|\bHOSPITAL)$`)
	collective  = regexp.MustCompile(`(及|的|全体|部分|内部|爱心|干部|退休|党员|志愿者)*(员工|职工|师生|教师|教职工|干部|人员|干警|业主|同仁|党员|村民|居民|会员|学生|同学)+$`)
	personAhead = regexp.MustCompile(`^\p{Han}{2,3} |^[` + surnames + `]\p{Han}{1,5}[（(]?(` + provinces + `)`)
	placeAhead  = regexp.MustCompile(`^(` + provinces + `)`)
)

const (
	surnames  = `王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边窦`
	provinces = `北京|天津|上海|重庆|河北|山西|内蒙古|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|广西|海南|四川|贵州|云南|西藏|陕西|甘肃|青海|宁夏|新疆`
)

// startsWithPerson: two or three characters set apart by a space are a name,
// and so, likely, is what begins with a family name and stands before a province.
func startsWithPerson(name string) bool {
	return personAhead.MatchString(name) && !placeAhead.MatchString(name)
}

// withoutRemark cuts brackets at the end of the text. It is false where
// brackets do not close, or hold more than a short qualifier in the middle.
func withoutRemark(text string) (string, bool) {
	const qualifier = 12
	end := strings.LastIndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	depth, opened := 0, 0
	var kept strings.Builder
	for i, r := range text {
		switch r {
		case '(', '（', '{', '【', '〔':
			if depth == 0 {
				opened = i
			}
			depth++
		case ')', '）', '}', '】', '〕':
			depth--
			if depth < 0 {
				return "", false
			}
			if depth > 0 || i > end {
				continue
			}
			if utf8.RuneCountInString(text[opened:i]) > qualifier {
				return "", false
			}
			kept.WriteString(text[opened:i] + string(r))
		default:
			if depth == 0 {
				kept.WriteRune(r)
			}
		}
	}
	return strings.TrimSpace(kept.String()), depth == 0
}
