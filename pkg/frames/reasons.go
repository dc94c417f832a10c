package frames

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// A quarantineMeaning says what a reason for quarantine means and what to do.
type quarantineMeaning struct {
	Meaning string `json:"meaning"`
	Fix     string `json:"fix"`
}

//go:embed reasons.json
var reasonsJSON []byte

var reasons = mustReadReasons()

func mustReadReasons() map[string]quarantineMeaning {
	var m map[string]quarantineMeaning
	if err := json.Unmarshal(reasonsJSON, &m); err != nil {
		panic(fmt.Sprintf("reasons.json is embedded and broken: %v", err))
	}
	return m
}

// reasonMeaning returns what a reason for quarantine means.
func reasonMeaning(reason string) quarantineMeaning {
	if m, ok := reasons[reason]; ok {
		return m
	}
	return quarantineMeaning{
		Meaning: "A version of the plugin that is not this one gave the reason.",
		Fix:     "Read the detail, and try it again.",
	}
}
