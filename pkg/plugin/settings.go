package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// Settings are the data source's settings, the public contract of jsonData.
type Settings struct {
	Sources        []SourceSettings  `json:"sources"`
	Domains        []string          `json:"domains"`
	DomainMap      map[string]string `json:"domainMap"`
	RetentionDays  int               `json:"retentionDays"`
	Authentication string            `json:"authentication"`
	AuthservID     string            `json:"authservId"`
}

// SourceSettings are one entry of the setting "sources".
type SourceSettings struct {
	ID              string        `json:"id"`
	Type            string        `json:"type"`
	Name            string        `json:"name"`
	Host            string        `json:"host"`
	Port            int           `json:"port"`
	Security        string        `json:"security"`
	Username        string        `json:"username"`
	Auth            string        `json:"auth"`
	Folders         []string      `json:"folders"`
	URL             string        `json:"url"`
	Listing         string        `json:"listing"`
	AfterProcessing string        `json:"afterProcessing"`
	MoveTo          string        `json:"moveTo"`
	PollInterval    string        `json:"pollInterval"`
	TLSServerName   string        `json:"tlsServerName"`
	TLSCACert       string        `json:"tlsCaCert"`
	Trust           string        `json:"trust"`
	OAuth           OAuthSettings `json:"oauth"`

	// secrets is a function so that no print of the settings shows them.
	secrets func() secrets
	// problem is why the source can't be polled; nil when it can.
	problem error
}

// OAuthSettings say where access tokens come from.
type OAuthSettings struct {
	Grant    string   `json:"grant"`
	TokenURL string   `json:"tokenUrl"`
	ClientID string   `json:"clientId"`
	Scopes   []string `json:"scopes"`
}

// secrets are a source's entries in secureJsonData.
type secrets struct{ password, token, clientSecret, refreshToken string }

// readSettings reads and judges settings. It returns them as far as they can
// be read, with the first problem that concerns all of them; a problem of one
// source alone is held by that source.
func readSettings(instance backend.DataSourceInstanceSettings) (Settings, error) {
	s := Settings{RetentionDays: 400, Authentication: "dkim"}
	if len(instance.JSONData) > 0 {
		if err := json.Unmarshal(instance.JSONData, &s); err != nil {
			return s, &source.Error{Setting: "jsonData", Sentence: "The settings can't be read: " + jsonProblem(err), Permanent: true}
		}
	}
	for i := range s.Sources {
		src := &s.Sources[i]
		src.setDefaults()
		src.secrets = readSecrets(src.ID, instance.DecryptedSecureJSONData)
		src.problem = src.check()
	}
	return s, s.check()
}

// jsonProblem says what is wrong with the JSON, without repeating its values.
func jsonProblem(err error) string {
	if t, ok := err.(*json.UnmarshalTypeError); ok {
		return fmt.Sprintf("%q holds a wrong kind of value (%s); %s belongs there.", t.Field, t.Value, kindName(t.Type.Kind()))
	}
	return "they are not valid JSON."
}

// kindName is a kind of JSON value in words.
func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	default:
		return "a whole number"
	}
}

func readSecrets(id string, secure map[string]string) func() secrets {
	prefix := "source." + id + "."
	return func() secrets {
		return secrets{
			password: secure[prefix+"password"], token: secure[prefix+"token"],
			clientSecret: secure[prefix+"clientSecret"], refreshToken: secure[prefix+"refreshToken"],
		}
	}
}

func (s *SourceSettings) setDefaults() {
	setDefault := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	setDefault(&s.Name, s.ID)
	setDefault(&s.AfterProcessing, "keep")
	setDefault(&s.PollInterval, "5m")
	setDefault(&s.Trust, "verify")
	switch s.Type {
	case "imap":
		setDefault(&s.Security, "tls")
		setDefault(&s.Auth, "password")
		setDefault(&s.OAuth.Grant, "clientCredentials")
		if s.Port == 0 {
			s.Port = map[string]int{"tls": 993}[s.Security]
			if s.Port == 0 {
				s.Port = 143
			}
		}
		if len(s.Folders) == 0 {
			s.Folders = []string{"INBOX"}
		}
	case "https":
		setDefault(&s.Listing, "auto")
		setDefault(&s.Auth, "none")
	}
}

// check judges what the sources' own packages don't: they judge the rest when
// the source is opened.
func (s *SourceSettings) check() error {
	if s.ID == "" || strings.ContainsFunc(s.ID, func(r rune) bool { return !isIDRune(r) }) {
		return setting("id", "The source %q needs an id of letters, digits, - and _.", s.Name)
	}
	allowed := map[string][]string{
		"security": {"tls", "starttls", "none"}, "auth": {"password", "xoauth2", "oauthbearer"},
		"afterProcessing": {"keep", "seen", "move", "delete"},
	}
	switch s.Type {
	case "imap":
	case "https":
		allowed = map[string][]string{
			"listing": {"auto", "nginx-json", "html", "manifest"}, "auth": {"none", "basic", "bearer"}, "afterProcessing": {"keep", "delete"},
		}
	default:
		return setting("type", "The source has the unknown type %q: allowed are imap and https.", s.Type)
	}
	allowed["trust"] = []string{"verify", "assume"}
	words := map[string]string{
		"security": s.Security, "auth": s.Auth, "afterProcessing": s.AfterProcessing, "listing": s.Listing, "trust": s.Trust,
	}
	for _, name := range []string{"security", "listing", "auth", "afterProcessing", "trust"} {
		if list, ok := allowed[name]; ok && !slices.Contains(list, words[name]) {
			return setting(name, "%q is unknown: allowed are %s.", words[name], strings.Join(list, ", "))
		}
	}
	if s.usesOAuth() && !slices.Contains([]string{"clientCredentials", "refreshToken"}, s.OAuth.Grant) {
		return setting("oauth.grant", "%q is unknown: allowed are clientCredentials, refreshToken.", s.OAuth.Grant)
	}
	_, err := parseInterval(s.PollInterval)
	return err
}

func isIDRune(r rune) bool {
	return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func (s *SourceSettings) usesOAuth() bool { return s.Auth == "xoauth2" || s.Auth == "oauthbearer" }

func (s *Settings) check() error {
	for i, src := range s.Sources {
		if slices.ContainsFunc(s.Sources[:i], func(o SourceSettings) bool { return o.ID == src.ID }) {
			return setting("id", "Two sources have the id %q: give each its own.", src.ID)
		}
	}
	if !slices.Contains([]string{"dkim", "headers", "off"}, s.Authentication) {
		return setting("authentication", "%q is unknown: allowed are dkim, headers, off.", s.Authentication)
	}
	if s.Authentication == "headers" && s.AuthservID == "" {
		return setting("authservId", "Authentication by headers needs the name that your own server writes at the start of Authentication-Results.")
	}
	if s.RetentionDays < 1 || s.RetentionDays > 36500 {
		return setting("retentionDays", "Reports can be kept for 1 to 36,500 days, not %d.", s.RetentionDays)
	}
	for _, pattern := range s.Domains {
		if !ingest.IsDomainPattern(pattern) {
			return setting("domains", "%q is neither a domain such as example.com nor a pattern such as *.example.org.", pattern)
		}
	}
	for host, domain := range s.DomainMap {
		if !ingest.IsDomainPattern(host) || !ingest.IsDomainPattern(domain) || strings.Contains(host+domain, "*") {
			return setting("domainMap", "%q → %q must lead from an MX host to a domain.", host, domain)
		}
	}
	return nil
}

// parseInterval reads a Go duration, or a number of days.
func parseInterval(word string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(word, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 30 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < time.Second || d > 30*24*time.Hour {
		return 0, setting("pollInterval", "%q is no time between polls: write it like 30s, 5m, 1h or 1d.", word)
	}
	return d, nil
}

func setting(name, format string, args ...any) error {
	return &source.Error{Setting: name, Sentence: fmt.Sprintf(format, args...), Permanent: true}
}

// fingerprint tells settings apart, secrets included, without holding any.
func fingerprint(instance backend.DataSourceInstanceSettings) string {
	h := sha256.New()
	keys := make([]string, 0, len(instance.DecryptedSecureJSONData))
	for k := range instance.DecryptedSecureJSONData {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	fmt.Fprintf(h, "%d:%s", len(instance.JSONData), instance.JSONData)
	for _, k := range keys {
		v := instance.DecryptedSecureJSONData[k]
		fmt.Fprintf(h, "%d:%s%d:%s", len(k), k, len(v), v)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fileName is the store's file of one data source: no uid can leave the folder.
func fileName(orgID int64, uid string) string {
	return fmt.Sprintf("org%d-%s.sqlite", orgID, strings.ReplaceAll(url.QueryEscape(uid), ".", "%2E"))
}
