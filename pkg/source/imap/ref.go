package imap

import (
	"fmt"
	"strconv"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
)

// refPrefix is what the refs of a folder's epoch begin with: the path of an
// IMAP URL (RFC 5092), without the server, which the ledger knows as the
// source.
func refPrefix(folder string, uidValidity uint32) string {
	return fmt.Sprintf("%s;UIDVALIDITY=%d/;UID=", escapeFolder(folder), uidValidity)
}

// refUID takes the UID from a ref that begins with prefix.
func refUID(prefix, ref string) (goimap.UID, error) {
	digits, ok := strings.CutPrefix(ref, prefix)
	if !ok {
		return 0, fmt.Errorf("the ledger's %q does not begin with %q", ref, prefix)
	}
	uid, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || uid == 0 {
		return 0, fmt.Errorf("the ledger's %q holds no UID", ref)
	}
	return goimap.UID(uid), nil
}

// escapeFolder percent-encodes what RFC 5092 section 11 does not allow in
// enc-mailbox, so that no folder's name can end in another's prefix.
func escapeFolder(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~!$'()*+,&=:@/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// expand lists the UIDs of a set, highest first.
func expand(set goimap.UIDSet) ([]goimap.UID, error) {
	// More mails than any mailbox holds: a server that says «1:4294967295»
	// must not cost 16 GiB.
	const most = 20_000_000
	total := uint64(0)
	for _, r := range set {
		if r.Start == 0 || r.Stop < r.Start {
			return nil, fmt.Errorf("the server answered a search with %q", set.String())
		}
		if total += uint64(r.Stop-r.Start) + 1; total > most {
			return nil, fmt.Errorf("the server answered a search with more than %d mails", most)
		}
	}
	uids := make([]goimap.UID, 0, total)
	for i := len(set) - 1; i >= 0; i-- {
		for uid := set[i].Stop; ; uid-- {
			uids = append(uids, uid)
			if uid == set[i].Start {
				break
			}
		}
	}
	return uids, nil
}
