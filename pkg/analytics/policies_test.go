package analytics

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// sts makes a sighting of an MTA-STS policy; text lines are parted by "|".
func sts(reporter, text string, first, last int, mx ...string) store.PolicySeen {
	s := store.PolicySeen{Domain: "a.example", Type: "sts", Reporter: reporter, MXHosts: mx, First: tlsrpt.Day(first), Last: tlsrpt.Day(last), Reports: 1}
	if text != "" {
		s.Strings = strings.Split(text, "|")
	}
	s.Mode = viewOf(&s).mode
	return s
}

func withMode(s store.PolicySeen, mode string) store.PolicySeen {
	s.Mode = mode
	return s
}

func tlsa(reporter, text string, first, last int, mx ...string) store.PolicySeen {
	s := sts(reporter, text, first, last, mx...)
	s.Type, s.Mode = "tlsa", ""
	return s
}

func notFound(reporter string, first, last int) store.PolicySeen {
	s := sts(reporter, "", first, last)
	s.Type = tlsrpt.PolicyNotFound
	return s
}

const (
	enforced  = "version: STSv1|mode: enforce|mx: mx1.a.example|mx: *.b.example|max_age: 604800"
	tested    = "version: STSv1|mode: testing|mx: mx1.a.example|mx: *.b.example|max_age: 604800"
	threeMX   = "version: STSv1|mode: enforce|mx: mx1.a.example|mx: *.b.example|mx: mx3.a.example|max_age: 604800"
	recordOne = "3 1 1 0123456789abcdef"
	recordTwo = "3 1 1 fedcba9876543210"
)

// sayRows writes rows as "mode state 1-9 Reporters (held by)".
func sayRows(rows []PolicyRow) string {
	var lines []string
	for _, r := range rows {
		name := r.Mode
		if r.Type != tlsrpt.PolicySTS {
			name = r.Type
		}
		lines = append(lines, fmt.Sprintf("%s %s %d-%d %s (%s)", name, r.State, r.FirstSeen, r.LastSeen, strings.Join(r.Reporters, ","), strings.Join(r.HeldBy, ",")))
	}
	return strings.Join(lines, "\n")
}

func sayChanges(changes []PolicyShift) string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%d %s", c.Day, c))
	}
	return strings.Join(lines, "\n")
}

func TestPoliciesAsSendersSawThem(t *testing.T) {
	for name, c := range map[string]struct {
		seen    []store.PolicySeen
		rows    string
		changes string
	}{
		"order of lines, line ends, spaces, case and repeats don't matter": {
			[]store.PolicySeen{
				sts("R", enforced, 1, 9),
				sts("S", "MX: *.B.example |mx:mx1.a.example.|mx: mx1.a.example|Max_Age : 604800|mode: Enforce ", 2, 9),
				sts("T", "version: STSv1\r\nmode: enforce\r\nmx: mx1.a.example\r\nmx: *.b.example\r\nmax_age: 604800\r\n", 3, 9),
			},
			"enforce current 1-9 R,S,T (R,S,T)", ""},
		"a changed mode: the older one is gone when no one holds it": {
			[]store.PolicySeen{sts("R", tested, 1, 9), sts("R", enforced, 10, 20), sts("S", tested, 1, 10), sts("S", enforced, 10, 20)},
			"enforce current 10-20 R,S (R,S)\ntesting gone 1-10 R,S ()", "10 testing → enforce"},
		"one still holds the older policy": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", threeMX, 10, 20), sts("S", enforced, 1, 20)},
			"enforce current 10-20 R (R)\nenforce older 1-20 R,S (S)", "10 mx mx3.a.example added"},
		"one that was not heard for weeks holds nothing": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", threeMX, 10, 40), sts("S", enforced, 1, 20)},
			"enforce current 10-40 R (R)\nenforce gone 1-20 R,S ()", "10 mx mx3.a.example added"},
		"a policy that no one else ever saw is an old cache": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", tested, 15, 20)},
			"enforce current 1-20 R,S (R,S)\ntesting older 15-20 T (T)", ""},
		"one reporter of three that says the old mode for a day is no change": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", enforced, 1, 20), sts("T", tested, 15, 15)},
			"enforce current 1-20 R,S,T (R,S,T)\ntesting gone 15-15 T ()", ""},
		"one reporter of three that changed over days ago fetched it since": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", enforced, 1, 9), sts("T", tested, 10, 20)},
			"enforce older 1-20 R,S,T (R,S)\ntesting current 10-20 T (T)", "10 enforce → testing"},
		"one reporter of two that changed over yesterday is waited for": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("T", enforced, 1, 18), sts("T", tested, 19, 20)},
			"enforce current 1-20 R,T (R)\ntesting older 19-20 T (T)", ""},
		"what most find no more is not current for the others": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 9), notFound("S", 10, 20), sts("T", enforced, 1, 9), notFound("T", 10, 20)},
			"enforce older 1-20 R,S,T (R)\nno-policy-found current 10-20 S,T (S,T)", ""},
		"most return to the older policy": {
			[]store.PolicySeen{
				sts("R", enforced, 1, 20), sts("R", tested, 10, 14), sts("S", enforced, 1, 20), sts("S", tested, 10, 15), sts("T", enforced, 1, 9), sts("T", tested, 10, 20),
			},
			"enforce current 1-20 R,S,T (R,S)\ntesting older 10-20 R,S,T (T)", "10 enforce → testing\n15 testing → enforce"},
		"the only reporter returns": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), sts("R", tested, 10, 14)},
			"enforce current 1-20 R (R)\ntesting gone 10-14 R ()", "10 enforce → testing\n15 testing → enforce"},
		"several things change at once": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", "mode: testing|mx: mx1.a.example|max_age: 86400", 10, 20)},
			"testing current 10-20 R (R)\nenforce gone 1-9 R ()", "10 enforce → testing; max_age 604800 → 86400; mx *.b.example removed"},
		"without policy-string it stands with the full policy of its mode": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), withMode(sts("S", "", 5, 20), "enforce"), withMode(sts("T", "", 5, 20), "")},
			"enforce current 1-20 R,S,T (R,S,T)", ""},
		"without policy-string and of another mode it is another policy": {
			[]store.PolicySeen{sts("R", enforced, 1, 20), withMode(sts("S", "", 5, 20), "testing")},
			"testing current 5-20 S (S)\nenforce older 1-20 R (R)", "5 enforce → testing"},
		"a text cut in the middle of a line stands with the whole": {
			[]store.PolicySeen{sts("R", threeMX, 1, 20), sts("S", "version: STSv1|mode: enforce|mx: mx1.a.example|mx: mx3.a.ex", 1, 20)},
			"enforce current 1-20 R,S (R,S)", ""},
		"a part goes with the policy of its days and does not make that older": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", threeMX, 10, 20), withMode(sts("S", "", 1, 20, "mx3.a.example"), "enforce")},
			"enforce current 10-20 R,S (R,S)\nenforce gone 1-9 R ()", "10 mx mx3.a.example added"},
		"the MX itself as mx-host is covered by a wildcard": {
			[]store.PolicySeen{sts("R", threeMX, 1, 9), sts("R", "mode: enforce|mx: *.c.example|max_age: 604800", 10, 20), withMode(sts("S", "", 1, 20, "x.b.example"), "enforce")},
			"enforce current 10-20 R (R)\nenforce older 1-20 R,S (S)", "10 mx *.c.example added; mx *.b.example removed; mx mx1.a.example removed; mx mx3.a.example removed"},
		"only parts are one policy": {
			[]store.PolicySeen{withMode(sts("R", "", 1, 20, "mx1.a.example"), "enforce"), withMode(sts("S", "", 1, 20, "mx2.a.example"), "enforce")},
			"enforce current 1-20 R,S (R,S)", ""},
		"a policy of mode none needs no mx": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", "version: STSv1|mode: none|max_age: 86400", 10, 20)},
			"none current 10-20 R (R)\nenforce gone 1-9 R ()", "10 enforce → none; max_age 604800 → 86400; mx *.b.example removed; mx mx1.a.example removed"},
		"TLSA records in another order and case are the same": {
			[]store.PolicySeen{tlsa("R", recordOne+"|"+recordTwo, 1, 20), tlsa("S", "3 1 1 FEDCBA98 76543210|_25._tcp.mx1.a.example. IN TLSA (3 1 1 0123456789ABCDEF)", 1, 20)},
			"tlsa current 1-20 R,S (R,S)", ""},
		"a TLSA record is added, and then the old one goes": {
			[]store.PolicySeen{tlsa("R", recordOne, 1, 9, "mx1.a.example"), tlsa("R", recordOne+"|"+recordTwo, 10, 14, "mx1.a.example"), tlsa("R", recordTwo, 15, 20, "mx1.a.example")},
			"tlsa current 15-20 R (R)\ntlsa gone 10-14 R ()\ntlsa gone 1-9 R ()", "10 TLSA record 3 1 1 fedcba98… added\n15 TLSA record 3 1 1 01234567… removed"},
		"TLSA records of two hosts stand beside each other": {
			[]store.PolicySeen{tlsa("R", recordOne, 1, 20, "mx1.a.example"), tlsa("R", recordTwo, 5, 20, "mx2.a.example")},
			"tlsa current 1-20 R (R)\ntlsa current 5-20 R (R)", ""},
		"sts, tlsa and no policy found are told apart": {
			[]store.PolicySeen{sts("M", enforced, 1, 20), tlsa("M", recordOne, 1, 20), notFound("P", 1, 20)},
			"enforce current 1-20 M (M)\ntlsa current 1-20 M (M)\nno-policy-found current 1-20 P (P)", ""},
		"a policy that is taken away is gone": {
			[]store.PolicySeen{sts("R", enforced, 1, 9), notFound("R", 10, 20)},
			"enforce gone 1-9 R ()\nno-policy-found current 10-20 R (R)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rows := PolicyRows(c.seen)
			want := strings.Split(c.rows, "\n")
			got := strings.Split(sayRows(rows), "\n")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", sayRows(rows), c.rows)
			}
			if got := sayChanges(PolicyShifts(rows)); got != c.changes {
				t.Errorf("changes: got\n%s\nwant\n%s", got, c.changes)
			}
		})
	}
}

func TestAPolicyRowHasItsPartsAndOneRawForm(t *testing.T) {
	rows := PolicyRows([]store.PolicySeen{sts("R", enforced, 1, 9, "mx1.a.example")})
	if len(rows) != 1 {
		t.Fatalf("got %+v", rows)
	}
	r := rows[0]
	if r.MaxAge != 604800 || !slices.Equal(r.MX, []string{"*.b.example", "mx1.a.example"}) || r.Text != strings.ReplaceAll(enforced, "|", "\n") || len(r.Hash) != 16 {
		t.Errorf("got %+v", r)
	}
	other := PolicyRows([]store.PolicySeen{sts("R", tested, 1, 9)})[0]
	if other.Hash == r.Hash {
		t.Error("another policy has the same hash")
	}
}

func TestPolicyRowsDoNotDependOnTheOrderOfWhatWasSeen(t *testing.T) {
	texts := []string{enforced, tested, threeMX, "", "mode: enforce", "mode: testing|mx: mx1.a"}
	rapid.Check(t, func(t *rapid.T) {
		var seen []store.PolicySeen
		for i := range rapid.IntRange(1, 8).Draw(t, "n") {
			first := rapid.IntRange(1, 30).Draw(t, "first")
			s := sts(string(rune('R'+i%4)), rapid.SampledFrom(texts).Draw(t, "text"), first, first+rapid.IntRange(0, 20).Draw(t, "days"))
			seen = append(seen, s)
		}
		want := PolicyRows(seen)
		shuffled := rapid.Permutation(seen).Draw(t, "order")
		got := PolicyRows(shuffled)
		if sayRows(got) != sayRows(want) || sayChanges(PolicyShifts(got)) != sayChanges(PolicyShifts(want)) {
			t.Fatalf("got\n%s\nwant\n%s", sayRows(got), sayRows(want))
		}
		if !slices.ContainsFunc(want, func(r PolicyRow) bool { return r.State == PolicyCurrent }) {
			t.Fatalf("no policy is current:\n%s", sayRows(want))
		}
	})
}

func TestModeDropped(t *testing.T) {
	for name, c := range map[string]struct {
		seen []store.PolicySeen
		want string
	}{
		"enforce all along":                              {[]store.PolicySeen{sts("R", enforced, 1, 20)}, ""},
		"never was enforce":                              {[]store.PolicySeen{sts("R", tested, 1, 20)}, ""},
		"the only reporter says so":                      {[]store.PolicySeen{sts("R", enforced, 1, 19), sts("R", tested, 20, 20)}, "20 testing by R, held by"},
		"most say so, one holds on":                      {[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", tested, 10, 20), sts("S", enforced, 1, 9), sts("S", tested, 11, 20), sts("T", enforced, 1, 20)}, "10 testing by R,S, held by T"},
		"one old cache of three":                         {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", enforced, 1, 18), sts("T", tested, 19, 20)}, ""},
		"one of two":                                     {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 18), sts("S", tested, 19, 20)}, ""},
		"the first of three to speak":                    {[]store.PolicySeen{sts("R", enforced, 1, 19), sts("S", enforced, 1, 19), sts("T", enforced, 1, 19), sts("T", tested, 20, 20)}, ""},
		"the others are silent":                          {[]store.PolicySeen{sts("R", enforced, 1, 5), sts("T", enforced, 1, 19), sts("T", tested, 20, 20)}, "20 testing by T, held by"},
		"back in enforce":                                {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("R", tested, 10, 14)}, ""},
		"the last who changed over returned":             {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("R", tested, 10, 14), sts("S", enforced, 1, 9), sts("S", tested, 10, 20), sts("T", enforced, 1, 9), sts("T", tested, 10, 20)}, ""},
		"one of three, for days, the others hold on":     {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", enforced, 1, 9), sts("T", tested, 10, 20)}, "10 testing by T, held by R,S"},
		"one of two, for days, the other holds on":       {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("T", enforced, 1, 17), sts("T", tested, 18, 20)}, "18 testing by T, held by R"},
		"one that never held enforce is an old cache":    {[]store.PolicySeen{sts("R", enforced, 10, 20), sts("R", tested, 1, 9), sts("S", enforced, 10, 20), sts("T", tested, 1, 20)}, ""},
		"enforce of old came late to the others":         {[]store.PolicySeen{sts("R", tested, 1, 5), sts("R", enforced, 6, 20), sts("S", tested, 1, 7), sts("S", enforced, 8, 20), sts("T", tested, 1, 5), sts("T", enforced, 6, 14), sts("T", threeMX, 15, 15), sts("T", tested, 16, 20)}, "16 testing by T, held by R,S"},
		"one who left is silent for weeks":               {[]store.PolicySeen{sts("R", enforced, 1, 40), sts("S", enforced, 1, 40), sts("T", enforced, 1, 9), sts("T", tested, 10, 20)}, ""},
		"one of three finds none, it may be its own DNS": {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 20), sts("T", enforced, 1, 9), notFound("T", 10, 20)}, ""},
		"two of three find none":                         {[]store.PolicySeen{sts("R", enforced, 1, 20), sts("S", enforced, 1, 9), notFound("S", 10, 20), sts("T", enforced, 1, 9), notFound("T", 10, 20)}, "10 no-policy-found by S,T, held by R"},
		"taken away":                                     {[]store.PolicySeen{sts("R", enforced, 1, 9), notFound("R", 10, 20)}, "10 no-policy-found by R, held by"},
		"some sessions without":                          {[]store.PolicySeen{sts("R", enforced, 1, 20), notFound("R", 10, 20)}, ""},
		"who knows no MTA-STS has no say":                {[]store.PolicySeen{sts("R", enforced, 1, 20), notFound("P", 1, 20), notFound("Q", 1, 20)}, ""},
		"to none, without text":                          {[]store.PolicySeen{withMode(sts("R", "", 1, 9), "enforce"), withMode(sts("R", "", 10, 20), "none")}, "10 none by R, held by"},
		"other mx, same mode":                            {[]store.PolicySeen{sts("R", enforced, 1, 9), sts("R", threeMX, 10, 20)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			for _, d := range ModeDrops(c.seen) {
				got = strings.TrimSpace(fmt.Sprintf("%d %s by %s, held by %s", d.Day, d.To, strings.Join(d.Reporters, ","), strings.Join(d.Holding, ",")))
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestStatesAndChangesOfPoliciesAgreeWithTheDropOfTheirMode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seen []store.PolicySeen
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			first := rapid.IntRange(1, 20).Draw(t, "first")
			text := rapid.SampledFrom([]string{enforced, tested, threeMX}).Draw(t, "text")
			seen = append(seen, sts(rapid.SampledFrom([]string{"R", "S", "T"}).Draw(t, "reporter"), text, first, first+rapid.IntRange(0, 10).Draw(t, "days")))
		}
		rows := PolicyRows(seen)
		dropped := len(ModeDrops(seen)) > 0
		for _, r := range rows {
			if r.State == PolicyCurrent && dropped && r.Mode == modeEnforce {
				t.Fatalf("dropped, and enforce is current:\n%s", sayRows(rows))
			}
		}
	})
}

func TestProtectionLost(t *testing.T) {
	row := func(ago int, policyType string, sessions int64) store.SessionRow {
		return store.SessionRow{Bucket: (today - tlsrpt.Day(ago)).Time(), Group: []string{"a.example", policyType, ""}, Successful: sessions}
	}
	before := func(policyType string, sessions int64, from int) []store.SessionRow {
		var rows []store.SessionRow
		for ago := from; ago > 0; ago-- {
			rows = append(rows, row(ago, policyType, sessions))
		}
		return rows
	}
	for name, c := range map[string]struct {
		rows []store.SessionRow
		want bool
	}{
		"a quarter without, after weeks of sts": {append(before("sts", 100, 20), row(0, "sts", 75), row(0, "no-policy-found", 25)), true},
		"all without, after weeks of tlsa":      {append(before("tlsa", 100, 20), row(0, "no-policy-found", 20)), true},
		"a tenth without":                       {append(before("sts", 100, 20), row(0, "sts", 90), row(0, "no-policy-found", 10)), false},
		"too few sessions":                      {append(before("sts", 100, 20), row(0, "no-policy-found", 19)), false},
		"it never had much":                     {append(append(before("sts", 70, 20), before("no-policy-found", 30, 20)...), row(0, "no-policy-found", 100)), false},
		"protected for a week only":             {append(before("sts", 100, 7), row(0, "no-policy-found", 100)), false},
		"protected on mail days for weeks":      {[]store.SessionRow{row(20, "sts", 30), row(9, "sts", 40), row(0, "no-policy-found", 30)}, true},
		"nothing in the two weeks before":       {[]store.SessionRow{row(20, "sts", 30), row(0, "no-policy-found", 30)}, false},
		"nothing since":                         {before("sts", 100, 20), false},
	} {
		t.Run(name, func(t *testing.T) {
			got := false
			for _, p := range ProtectionLosses(c.rows, today.Time()) {
				got = got || p.Lost
			}
			if got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
