package frames

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// A QuarantineMeaning says what a reason for quarantine means and what to do.
type QuarantineMeaning struct {
	Meaning string `json:"meaning"`
	Fix     string `json:"fix"`
}

//go:embed reasons.json
var reasonsJSON []byte

var reasons = mustReadReasons()

func mustReadReasons() map[string]QuarantineMeaning {
	var m map[string]QuarantineMeaning
	if err := json.Unmarshal(reasonsJSON, &m); err != nil {
		panic(fmt.Sprintf("reasons.json is embedded and broken: %v", err))
	}
	return m
}

// ReasonMeaning returns what a reason for quarantine means.
func ReasonMeaning(reason string) QuarantineMeaning {
	if m, ok := reasons[reason]; ok {
		return m
	}
	return QuarantineMeaning{
		Meaning: "A version of the plugin that is not this one gave the reason.",
		Fix:     "Read the detail, and try it again.",
	}
}
