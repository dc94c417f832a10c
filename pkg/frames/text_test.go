package frames

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestFreeTextFromStrangers(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"control characters are removed":                    {"a\x00b\x1b[31mc\u0085d\x7f", "ab[31mcd"},
		"line ends and tabs become spaces":                  {"a\nb\tc\rd\u2028e\u2029f", "a b c d e f"},
		"bidirectional characters are removed":              {"a\u202eb\u2066c\u2069d\u200fe\u061cf", "abcdef"},
		"a byte order mark and broken UTF-8 are removed":    {"\ufeffa\xffb", "ab"},
		"mail addresses are masked":                         {"ask postmaster@mx1.example.com, please", "ask …@mx1.example.com, please"},
		"mail addresses in brackets are masked":             {"<a.b+c@example.com>;mailto:d@example.org?x", "<…@example.com>;mailto:…@example.org?x"},
		"mail addresses in other scripts are masked":        {"an jörg.müller@münchen.example!", "an …@münchen.example!"},
		"quoted local parts are masked":                     {`"john doe"@example.com`, "…@example.com"},
		"addresses of hosts without a dot are masked":       {"root@localhost failed", "…@localhost failed"},
		"addresses at address literals are masked":          {"root@[192.0.2.1] failed", "…@[192.0.2.1] failed"},
		"escaped addresses are masked":                      {"https://a.example/?to=root%40example.com", "https://a.example/?to=…@example.com"},
		"addresses behind hidden characters are masked":     {"jo\u200fhn@exa\x00mple.com", "…@example.com"},
		"addresses within addresses are masked whole":       {"relay a@b.example@c.example", "relay …@c.example"},
		"an at sign alone is none":                          {"TLS @ 25 and a @b", "TLS @ 25 and a @b"},
		"HTML passes as plain data":                         {`<script>alert("x")</script>&amp;`, `<script>alert("x")</script>&amp;`},
		"formulas pass here: Guard is for them":             {`=HYPERLINK("https://evil.example","x")`, `=HYPERLINK("https://evil.example","x")`},
		"Markdown and templates pass as plain data":         {"[x](https://evil.example) ${__url} {{.}}", "[x](https://evil.example) ${__url} {{.}}"},
		"letters of every script and joined emoji are kept": {"Grüße 日本 👩\u200d💻", "Grüße 日本 👩\u200d💻"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTextIsCleanWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Text(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z]{0,3}@[a-z.\[\]]{0,5}\x{202e}?`)).Draw(t, "text"))
		if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
			t.Fatalf("%q is not clean", s)
		}
		if again := Text(s); again != s {
			t.Fatalf("%q becomes %q", s, again)
		}
	})
}
