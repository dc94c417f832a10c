package tlsrpt

import (
	"slices"
	"testing"
)

func TestEqualPoliciesAreEqualHoweverTheyAreWritten(t *testing.T) {
	for _, c := range []struct {
		name string
		kind string
		said []string
		want []string
	}{
		{"a policy in the usual order", PolicySTS, []string{"version: STSv1", "mode: enforce", "mx: *.example.com", "max_age: 86400"},
			[]string{"max_age: 86400", "mode: enforce", "mx: *.example.com", "version: STSv1"}},
		{"row 22: another order, spaces, CRLF and capitals", PolicySTS, []string{"max_age:86400 ", "MX :  *.Example.COM.\r", "", "Mode: Enforce", "version: STSv1", " "},
			[]string{"max_age: 86400", "mode: enforce", "mx: *.example.com", "version: STSv1"}},
		{"another mode is another policy", PolicySTS, []string{"mode: testing"}, []string{"mode: testing"}},
		{"a line without a colon stays", PolicySTS, []string{"STSv1   enforce"}, []string{"STSv1 enforce"}},
		{"TLSA records in any case, data in several words", PolicyTLSA, []string{"3 1 1 ABCD EF01", "3 1 1  00aa", "3 1 1 00AA"},
			[]string{"3 1 1 00aa", "3 1 1 abcdef01"}},
		{"a short TLSA line stays", PolicyTLSA, []string{"NONE"}, []string{"none"}},
		{"another type is only tidied", "dane-ta-2", []string{" b  c ", "A"}, []string{"A", "b c"}},
		{"no policy-string is no line", PolicySTS, nil, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{Type: c.kind, Strings: c.said}
			said := slices.Clone(c.said)
			if got := p.Canonical(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !slices.Equal(said, p.Strings) {
				t.Errorf("what was said changed to %q", p.Strings)
			}
		})
	}
}
