package analytics

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// A Meaning says what a result type means and what to do about it.
type Meaning struct {
	Category string `json:"category"`
	Meaning  string `json:"meaning"`
	Fix      string `json:"fix"`
}

//go:embed meanings.json
var meaningsJSON []byte

var meanings = mustReadMeanings()

func mustReadMeanings() map[string]Meaning {
	var m map[string]Meaning
	if err := json.Unmarshal(meaningsJSON, &m); err != nil {
		panic(fmt.Sprintf("meanings.json is embedded and broken: %v", err))
	}
	return m
}

// MeaningOf returns what a result type (RFC 8460 section 4.3) means. One that
// no RFC specifies has the category "Other".
func MeaningOf(resultType string) Meaning {
	if m, ok := meanings[resultType]; ok {
		return m
	}
	return Meaning{
		Category: "Other",
		Meaning:  "The sender used a result type that RFC 8460 does not define.",
		Fix:      "Read the reason code and the additional information, and ask the reporter's contact what it stands for.",
	}
}
