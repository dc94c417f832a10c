package imap

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Check implements [source.Source] on a connection of its own, with
// everything opened read-only.
func (s *Source) Check(ctx context.Context) (string, error) {
	session, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer session.close()
	defer session.watch(ctx)()
	if err := s.checkAbilities(session); err != nil {
		return "", err
	}
	var found strings.Builder
	for i, name := range s.config.Folders {
		data, err := session.open(name, true)
		if err != nil {
			return "", s.folderError(session, "folders", name, err)
		}
		if i > 0 {
			found.WriteString(", ")
		}
		fmt.Fprintf(&found, "%s holds %s", name, messages(data.NumMessages))
	}
	return fmt.Sprintf("Connected to %s, %s.", s.config.Host, found.String()), nil
}

// messages writes a number as people read it, such as «1,234 messages».
func messages(n uint32) string {
	if n == 1 {
		return "1 message"
	}
	digits := strconv.FormatUint(uint64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " messages"
}
