package frames

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// stableWord finds the words that other packages give as reasons.
var stableWord = regexp.MustCompile(`\b(?:Reason[A-Z]\w+|ForeignDomain|SkipTooLarge\s+SkipReason|SkipUnreadable\s+SkipReason)\s*=\s*"([a-z0-9-]+)"`)

func TestEveryReasonForQuarantineHasAMeaning(t *testing.T) {
	found := map[string]bool{}
	for _, pattern := range []string{"../tlsrpt/*.go", "../mailreport/*.go", "../ingest/*.go", "../source/*.go", "../store/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range stableWord.FindAllSubmatch(raw, -1) {
				found[string(word[1])] = true
			}
		}
	}
	words, known := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(reasons))
	if !slices.Equal(words, known) {
		t.Errorf("the code has the reasons\n%v\nreasons.json has\n%v", words, known)
	}
	for word, m := range reasons {
		if m.Meaning == "" || m.Fix == "" {
			t.Errorf("%s lacks a meaning or a fix", word)
		}
	}
	if m := reasonMeaning("nonsense"); m.Meaning == "" || m.Fix == "" {
		t.Error("an unknown reason has no meaning")
	}
}
