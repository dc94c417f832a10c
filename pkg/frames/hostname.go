package frames

import (
	"strings"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/net/idna"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// HostName returns a host name as people read it: with U-labels (RFC 5890) for
// its A-labels, but for those that could be taken for another name. Names
// without an A-label come back as they are.
func HostName(name string) string {
	if !strings.Contains(name, acePrefix) {
		return name
	}
	labels := strings.Split(name, ".")
	for i, label := range labels {
		if u, ok := uLabel(label); ok {
			labels[i] = u
		}
	}
	return strings.Join(labels, ".")
}

// IsHostName says whether the values of a dimension are names of hosts.
func IsHostName(d store.Dimension) bool {
	return d == store.PolicyDomain || d == store.ReceivingMX
}

const acePrefix = "xn--"

// validLabel checks what UTS 46 leaves of RFC 5891 section 5.4.
var validLabel = idna.New(idna.ValidateLabels(true), idna.CheckHyphens(true), idna.CheckJoiners(true), idna.BidiRule(), idna.StrictDomainName(true))

func uLabel(label string) (string, bool) {
	if !strings.HasPrefix(label, acePrefix) {
		return "", false
	}
	u, err := validLabel.ToUnicode(label)
	if err != nil || !isLegible(u) {
		return "", false
	}
	back, err := validLabel.ToASCII(u)
	return u, err == nil && back == label
}

// isLegible says whether a label is one of letters and digits that IDNA2008
// has (RFC 5892), in one script that is in everyday use, and has a letter that
// nobody takes for an ASCII letter. Marks that any script may carry, joiners
// and what RFC 5892 allows in a context alone can hide: such labels are none.
func isLegible(label string) bool {
	var script []*unicode.RangeTable
	distinct := false
	for _, r := range label {
		switch {
		case r == '-' || '0' <= r && r <= '9':
			continue
		case !unicode.In(r, unicode.Ll, unicode.Lo, unicode.Lm, unicode.Mn, unicode.Mc, unicode.Nd):
			return false
		case r == 'ー': // the sign for long vowels belongs to both kana
			r = 'ア'
		}
		if script == nil {
			script = scriptOf(r)
		}
		if !unicode.In(r, script...) {
			return false
		}
		distinct = distinct || r > unicode.MaxASCII && !strings.ContainsRune(lookAlikes, r)
	}
	return distinct
}

// lookAlikes are letters that many fonts draw as they draw ASCII letters.
const lookAlikes = "асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмнтв" + // Cyrillic
	"ανορυικτχγωηϲϳ" + // Greek
	"օոսհցզյքւլ" + // Armenian
	"וןסט" + // Hebrew
	"ıɩɪɑɡʙɢʜʟɴʀʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢƿꞷ" // Latin

// scripts are those that UAX 31 recommends for identifiers. Japanese is
// written in three at once.
var scripts = [][]*unicode.RangeTable{
	{unicode.Latin}, {unicode.Cyrillic}, {unicode.Greek}, {unicode.Han, unicode.Hiragana, unicode.Katakana},
	{unicode.Arabic}, {unicode.Hebrew}, {unicode.Hangul}, {unicode.Armenian}, {unicode.Bengali}, {unicode.Bopomofo},
	{unicode.Devanagari}, {unicode.Ethiopic}, {unicode.Georgian}, {unicode.Gujarati}, {unicode.Gurmukhi},
	{unicode.Kannada}, {unicode.Khmer}, {unicode.Lao}, {unicode.Malayalam}, {unicode.Myanmar}, {unicode.Oriya},
	{unicode.Sinhala}, {unicode.Tamil}, {unicode.Telugu}, {unicode.Thaana}, {unicode.Thai}, {unicode.Tibetan},
}

func scriptOf(r rune) []*unicode.RangeTable {
	for _, script := range scripts {
		if unicode.In(r, script...) {
			return script
		}
	}
	return nil
}

// showHostNames has Grafana show a field's A-labels as U-labels. The values
// stay what they are, and with them filters and links.
func showHostNames(field *data.Field) *data.Field {
	mapped := data.ValueMapper{}
	for i := range field.Len() {
		name := field.At(i).(string)
		if shown := HostName(name); shown != name {
			mapped[name] = data.ValueMappingResult{Text: shown}
		}
	}
	if len(mapped) > 0 {
		field.Config.Mappings = data.ValueMappings{mapped}
	}
	return field
}
