package analytics

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Fault says whose doing a failure likely is.
type Fault string

// The faults.
const (
	OurMX         Fault = "our MX"
	OurDNS        Fault = "our DNS"
	OurPolicyHost Fault = "our policy host"
	TheSender     Fault = "the sender"
	InThePath     Fault = "someone in the path"
)

// A Meaning says what a failure means and what to do about it. In Fix and
// Command the word DOMAIN stands for the policy domain, and in Command the word
// MX for the receiving host: see [Meaning.FixFor] and [Meaning.CommandFor].
type Meaning struct {
	// Category is the part of the set-up that it concerns.
	Category string `json:"category"`
	// Brief is Meaning as a clause in the past tense, to stand after a colon.
	Brief   string `json:"brief"`
	Meaning string `json:"meaning"`
	Fault   Fault  `json:"fault"`
	Fix     string `json:"fix"`
	// Command is a line for a shell that shows the trouble from outside.
	Command string `json:"command"`
	// SenderSees is what people who send mail to the domain notice of it.
	SenderSees string `json:"senderSees"`
}

// knownReason is what reason codes with one of the phrases mean. What it
// leaves empty is as its result type says.
type knownReason struct {
	// Phrases are in the form of reasonKey.
	Phrases []string `json:"phrases"`
	// For are the result types it is known for; empty is all.
	For []string `json:"for"`
	Meaning
}

// meaningBook is meanings.json.
type meaningBook struct {
	ResultTypes map[string]Meaning `json:"resultTypes"`
	// Other is the meaning of a result type that no RFC specifies.
	Other Meaning `json:"other"`
	// Reasons are in order: the first that has a phrase in the code counts.
	Reasons []knownReason `json:"reasons"`
}

//go:embed meanings.json
var meaningsJSON []byte

var meanings = sync.OnceValue(func() meaningBook {
	var book meaningBook
	if err := json.Unmarshal(meaningsJSON, &book); err != nil {
		panic(fmt.Sprintf("meanings.json is embedded and broken: %v", err))
	}
	return book
})

// MeaningOf returns what a result type (RFC 8460 section 4.3) means. One that
// no RFC specifies has the category "Other".
func MeaningOf(resultType string) Meaning {
	book := meanings()
	if m, ok := book.ResultTypes[resultType]; ok {
		return m
	}
	return book.Other
}

// Explain is [MeaningOf] made more exact by a failure-reason-code, raw or
// normalized, where the code is known. No part of the code itself, which a
// stranger wrote, is in the answer.
func Explain(resultType, reason string) Meaning {
	m := MeaningOf(resultType)
	key := reasonKey(reason)
	if key == "" {
		return m
	}
	for _, known := range meanings().Reasons {
		if known.has(resultType, key) {
			return m.refined(known.Meaning)
		}
	}
	return m
}

func (k knownReason) has(resultType, key string) bool {
	if len(k.For) > 0 && !slices.Contains(k.For, resultType) {
		return false
	}
	return slices.ContainsFunc(k.Phrases, func(phrase string) bool {
		return strings.Contains(key, " "+phrase+" ")
	})
}

func (m Meaning) refined(by Meaning) Meaning {
	for _, part := range []struct {
		of   *string
		with string
	}{
		{&m.Category, by.Category}, {&m.Brief, by.Brief}, {&m.Meaning, by.Meaning},
		{&m.Fix, by.Fix}, {&m.Command, by.Command}, {&m.SenderSees, by.SenderSees},
	} {
		if part.with != "" {
			*part.of = part.with
		}
	}
	if by.Fault != "" {
		m.Fault = by.Fault
	}
	return m
}

// ipv4 addresses must not read as the enhanced status codes of RFC 3463.
var ipv4 = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)

// reasonKey folds the spellings of a reason code to lower-case words of letters
// and digits, each with a space on both sides; empty where there is none.
func reasonKey(reason string) string {
	words := strings.FieldsFunc(ipv4.ReplaceAllString(strings.ToLower(reason), " "), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ") + " "
}

// CommandFor returns the command for a domain and an MX host. Strangers choose
// these names and people paste commands into shells: a name that is not made of
// a-z, 0-9, dot, hyphen and underscore alone leaves its placeholder as it is.
func (m Meaning) CommandFor(domain, mx string) string {
	// A plain name is of lower case and holds no placeholder.
	return strings.ReplaceAll(strings.ReplaceAll(m.Command, "DOMAIN", plainOr(domain, "DOMAIN")), "MX", plainOr(mx, "MX"))
}

// FixFor returns the fix for a domain, under the rule of [Meaning.CommandFor].
func (m Meaning) FixFor(domain string) string {
	return strings.ReplaceAll(m.Fix, "DOMAIN", plainOr(domain, "DOMAIN"))
}

// plainOr returns the name where it is a plain host name, else the placeholder.
// One that starts with a hyphen would be read as an option.
func plainOr(name, placeholder string) string {
	plain := name != "" && len(name) <= 253 && name[0] != '-' && name[0] != '.'
	for i := 0; plain && i < len(name); i++ {
		c := name[i]
		plain = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_'
	}
	if !plain {
		return placeholder
	}
	return name
}
