package tlsrpt

import (
	"strings"
	"time"
)

// A fileName is what the name of a report file tells (RFC 8460 section 5.1):
// submitter "!" policy-domain "!" begin "!" end ["!" unique-id] "." extension.
// Parts that it doesn't tell are zero.
type fileName struct {
	submitter, domain string
	begin, end        time.Time
}

func parseFileName(name string) fileName {
	parts := strings.Split(name[strings.LastIndexAny(name, `/\`)+1:], "!")
	if len(parts) < 4 {
		return fileName{}
	}
	f := fileName{submitter: strings.TrimSpace(parts[0]), domain: strings.TrimSpace(parts[1])}
	f.begin, _ = parseUnix(parts[2])
	end, _, _ := strings.Cut(parts[3], ".")
	f.end, _ = parseUnix(end)
	return f
}

// IsReportFileName tells whether a file is named as RFC 8460 section 5.1 wants
// reports to be named. DMARC reports follow the same pattern, with .xml inside.
func IsReportFileName(name string) bool {
	f := parseFileName(name)
	lower := strings.ToLower(name)
	return !f.begin.IsZero() && !f.end.IsZero() && !strings.Contains(lower, ".xml") &&
		strings.Contains(lower, ".json")
}

// domainOfReportID finds the domain in ids such as
// "2025-05-22T00:00:00Z_example.com" and "2024.09.03T00.00.00Z+example.com@google.com".
func domainOfReportID(id string) string {
	id = strings.Trim(id, "<> ")
	if at := strings.LastIndexByte(id, '@'); at >= 0 {
		id = id[:at]
	}
	separator := strings.LastIndexAny(id, "_+!")
	if separator < 0 {
		return ""
	}
	domain, ok := NormalizeDomain(id[separator+1:])
	if !ok || !strings.Contains(domain, ".") {
		return ""
	}
	return domain
}
