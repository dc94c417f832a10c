package tlsrpt

import "testing"

func TestAligned(t *testing.T) {
	for _, c := range []struct {
		name          string
		domain, other string
		want          bool
	}{
		{"a domain is aligned with itself", "example.com", "example.com", true},
		{"case and a final dot don't matter", "Example.COM.", "example.com", true},
		{"a subdomain is aligned with its organization", "mail.example.com", "example.com", true},
		{"two subdomains of one organization are aligned", "a.example.com", "b.c.example.com", true},
		{"U-labels are aligned with their A-labels", "post.bücher.example", "xn--bcher-kva.example", true},
		{"two organizations are not aligned", "example.com", "example.org", false},
		{"a public suffix of two labels makes no organization", "a.co.uk", "b.co.uk", false},
		{"an organization below two labels is one", "x.a.co.uk", "a.co.uk", true},
		{"customers of one host are not one organization", "a.github.io", "b.github.io", false},
		{"a public suffix doesn't speak for those below it", "co.uk", "a.co.uk", false},
		{"a name that only ends alike is not aligned", "notexample.com", "example.com", false},
		{"a host of one label is aligned with itself alone", "localhost", "localhost", true},
		{"nothing is not aligned with nothing", "", "", false},
		{"addresses are not aligned", "192.0.2.1", "192.0.2.1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Aligned(c.domain, c.other); got != c.want {
				t.Errorf("Aligned(%q, %q) = %t", c.domain, c.other, got)
			}
			if got := Aligned(c.other, c.domain); got != c.want {
				t.Errorf("Aligned(%q, %q) = %t", c.other, c.domain, got)
			}
		})
	}
}
