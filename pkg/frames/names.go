package frames

import (
	"fmt"
	"strings"
	"time"
)

// namesShown is how many names a list in a cell has.
const namesShown = 5

// names lists names in a cell: the first few, and how many more there are.
func names(list []string) string {
	cleaned := make([]string, 0, namesShown)
	for _, name := range list[:min(len(list), namesShown)] {
		cleaned = append(cleaned, Clean(name))
	}
	if more := len(list) - namesShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(cleaned, ", "), more)
	}
	return strings.Join(cleaned, ", ")
}

// hostNames is [names] for names of hosts, as people read them: unlike a
// dimension's value, a list is nothing to filter by.
func hostNames(list []string) string {
	shown := make([]string, len(list))
	for i, name := range list {
		shown[i] = HostName(name)
	}
	return names(shown)
}

// numberOrNull is null where nothing is known.
func numberOrNull(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
