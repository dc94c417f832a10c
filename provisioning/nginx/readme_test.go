package nginx_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/provisioning/nginx"
)

// block returns what stands in the README between a fence and the next.
func block(t *testing.T, readme, language, from string) string {
	t.Helper()
	for _, part := range strings.Split(readme, "\n```"+language+"\n")[1:] {
		text, _, closed := strings.Cut(part, "\n```")
		if closed && strings.HasPrefix(text, from) {
			return text
		}
	}
	t.Fatalf("README.md has no %s block that starts with %q", language, from)
	return ""
}

func TestTheReadmeShowsTheSiteAsItIs(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	comment, config, found := strings.Cut(nginx.Site, "\n\n")
	if !found {
		t.Fatal("the site has no comment at its top")
	}
	if got := block(t, string(raw), "nginx", "#"); got != strings.TrimSpace(config) {
		t.Errorf("the README's site is not the file's but\n%s", got)
	}
	for command := range strings.Lines(block(t, string(raw), "sh", "install ")) {
		if !strings.Contains(comment, "#   "+strings.TrimSpace(command)+"\n") {
			t.Errorf("the file's comment does not hold the README's command %s", command)
		}
	}
}
