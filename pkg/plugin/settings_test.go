package plugin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func readJSON(t *testing.T, jsonData string, secure map[string]string) (Settings, error) {
	t.Helper()
	return readSettings(backend.DataSourceInstanceSettings{JSONData: []byte(jsonData), DecryptedSecureJSONData: secure})
}

func TestSettings(t *testing.T) {
	t.Run("what is left out gets the documented defaults", func(t *testing.T) {
		s, err := readJSON(t, `{"sources":[{"id":"a","type":"imap","host":"h"},{"id":"b","type":"https","url":"https://h/"}]}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.RetentionDays != 400 || s.Authentication != "dkim" {
			t.Errorf("got %d days and %q", s.RetentionDays, s.Authentication)
		}
		mailbox, drop := s.Sources[0], s.Sources[1]
		if mailbox.problem != nil || mailbox.Port != 993 || mailbox.Security != "tls" || mailbox.Auth != "password" ||
			mailbox.Folders[0] != "INBOX" || mailbox.AfterProcessing != "keep" || mailbox.PollInterval != "5m" || mailbox.Trust != "verify" {
			t.Errorf("mailbox: %+v", mailbox)
		}
		if drop.problem != nil || drop.Listing != "auto" || drop.Auth != "none" || drop.AfterProcessing != "keep" {
			t.Errorf("drop: %+v", drop)
		}
	})
	t.Run("secrets reach their source and no print of the settings", func(t *testing.T) {
		s, err := readJSON(t, `{"sources":[{"id":"a","type":"imap","host":"h"}]}`, map[string]string{"source.a.password": "hunter2", "source.b.password": "other"})
		if err != nil || s.Sources[0].secrets().password != "hunter2" {
			t.Fatalf("got %q, %v", s.Sources[0].secrets().password, err)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if printed := fmt.Sprintf(format, s); strings.Contains(printed, "hunter2") {
				t.Errorf("%s prints the password: %s", format, printed)
			}
		}
	})
}

func TestSettingsProblems(t *testing.T) {
	for name, c := range map[string]struct{ jsonData, setting, word string }{
		"broken JSON is told without its text": {`{"sources": "hunter2"`, "jsonData", "not valid JSON"},
		"a number where a list belongs":        {`{"domains": 3}`, "jsonData", "a list belongs there"},
		"an unknown authentication":            {`{"authentication": "spf"}`, "authentication", `"spf"`},
		"headers without the server's name":    {`{"authentication": "headers"}`, "authservId", "Authentication-Results"},
		"a retention of no days":               {`{"retentionDays": -1}`, "retentionDays", "-1"},
		"a domain pattern with a path":         {`{"domains": ["example.com/x"]}`, "domains", "example.com/x"},
		"a star in the middle of a pattern":    {`{"domains": ["a.*.example"]}`, "domains", "a.*.example"},
		"an empty pattern":                     {`{"domains": [""]}`, "domains", ""},
		"a map from no host":                   {`{"domainMap": {"": "example.com"}}`, "domainMap", "example.com"},
		"two sources with one id":              {`{"sources":[{"id":"a","type":"imap"},{"id":"a","type":"imap"}]}`, "id", `"a"`},
		"a map to a pattern":                   {`{"domainMap": {"mx.example": "*.example.com"}}`, "domainMap", "*.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readJSON(t, c.jsonData, nil)
			wantProblem(t, err, c.setting, c.word)
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("the problem repeats the settings: %v", err)
			}
		})
	}
	for name, c := range map[string]struct{ source, setting, word string }{
		"no id":                           {`{"type":"imap"}`, "id", "letters"},
		"an id that would split a secret": {`{"id":"a.b","type":"imap"}`, "id", "letters"},
		"an unknown type":                 {`{"id":"a","type":"pop3"}`, "type", "imap and https"},
		"an unknown security":             {`{"id":"a","type":"imap","security":"ssl"}`, "security", "starttls"},
		"an unknown auth of a mailbox":    {`{"id":"a","type":"imap","auth":"basic"}`, "auth", "xoauth2"},
		"an unknown auth of a drop":       {`{"id":"a","type":"https","auth":"password"}`, "auth", "bearer"},
		"a drop can't be moved":           {`{"id":"a","type":"https","afterProcessing":"move"}`, "afterProcessing", "delete"},
		"an unknown listing":              {`{"id":"a","type":"https","listing":"xml"}`, "listing", "manifest"},
		"an unknown trust":                {`{"id":"a","type":"https","trust":"yes"}`, "trust", "assume"},
		"an unknown grant":                {`{"id":"a","type":"imap","auth":"xoauth2","oauth":{"grant":"implicit"}}`, "oauth.grant", "refreshToken"},
		"a time without a unit":           {`{"id":"a","type":"imap","pollInterval":"5"}`, "pollInterval", "5m"},
		"no time at all between polls":    {`{"id":"a","type":"imap","pollInterval":"0s"}`, "pollInterval", "0s"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readJSON(t, `{"sources":[`+c.source+`]}`, nil)
			if err != nil {
				t.Fatalf("one source's problem became everyone's: %v", err)
			}
			wantProblem(t, s.Sources[0].problem, c.setting, c.word)
		})
	}
}

func wantProblem(t *testing.T, err error, setting, word string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), setting+": ") || !strings.Contains(err.Error(), word) {
		t.Errorf("got %v, want one of the setting %s that says %q", err, setting, word)
	}
}

func TestDataDir(t *testing.T) {
	for name, c := range map[string]struct{ configured, executable, want string }{
		"the operator's choice wins":               {"/srv/tlsrpt", "/var/lib/grafana/plugins/p/gpx", "/srv/tlsrpt"},
		"beside a folder named plugins":            {"", "/var/lib/grafana/plugins/tlsrpt-reports-datasource/gpx", "/var/lib/grafana/tlsrpt"},
		"memory where the parent has another name": {"", "/home/me/tlsrpt/dist/gpx", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dataDir(c.configured, c.executable); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFileNamesStayInTheFolder(t *testing.T) {
	seen := map[string]string{}
	for _, uid := range []string{"tlsrpt", "../../etc/passwd", "..", "a/b", "a_b", "a%2Fb", `a\b`, "A", "ü"} {
		name := fileName(1, uid)
		if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") || strings.Contains(name, "..") {
			t.Errorf("%q becomes %q", uid, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q share %q", uid, other, name)
		}
		seen[name] = uid
	}
}

func TestFingerprintTellsSecretsApart(t *testing.T) {
	print := func(secure map[string]string) string {
		return fingerprint(backend.DataSourceInstanceSettings{JSONData: []byte(`{}`), DecryptedSecureJSONData: secure})
	}
	a, b := print(map[string]string{"k": "one"}), print(map[string]string{"k": "two"})
	if a == b || a == print(nil) || a != print(map[string]string{"k": "one"}) {
		t.Error("fingerprints do not tell secrets apart, or not the same each time")
	}
	if strings.Contains(a, "one") {
		t.Error("the fingerprint holds a secret")
	}
}
