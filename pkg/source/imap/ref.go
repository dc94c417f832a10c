package imap

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
)

// refPrefix is what the refs of a folder's epoch begin with: eight digits that
// stand for the mailbox, and the path of an IMAP URL (RFC 5092). The digits
// keep an id in the settings that is pointed at another mailbox from taking
// that one's mail for known, since UIDVALIDITY and UID are unique in one alone.
func refPrefix(host, username, folder string, uidValidity uint32) string {
	mailbox := sha256.Sum256([]byte(strings.ToLower(host) + "\x00" + username))
	return fmt.Sprintf("%x/%s;UIDVALIDITY=%d/;UID=", mailbox[:4], escapeFolder(folder), uidValidity)
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
