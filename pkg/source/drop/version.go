package drop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxETag is the longest ETag that a reference takes up as it is, in bytes.
const maxETag = 128

// A version is what a reply's header says of a file's content.
type version struct {
	etag     string
	modified time.Time
	// length is in bytes, -1 where it isn't told.
	length int64
}

// An answer is a version, or says that the one asked about still holds.
type answer struct {
	version
	unchanged bool
}

// A memory is what was learned of a file whose listing doesn't tell its version.
type memory struct {
	version
	// ref is empty where only the body's hash would tell, and isn't known yet.
	ref      string
	row      string
	received time.Time
	checked  time.Time
}

// versionOf reads a reply's header.
func versionOf(reply *http.Response) version {
	v := version{etag: reply.Header.Get("ETag"), length: reply.ContentLength}
	if modified, err := http.ParseTime(reply.Header.Get("Last-Modified")); err == nil {
		v.modified = modified.UTC()
	}
	return v
}

// ref returns the reference of the version of the file at address, empty where
// the header doesn't tell versions apart.
func (v version) ref(address string) string {
	switch {
	case v.etag != "":
		return address + " etag " + plainETag(v.etag)
	case !v.modified.IsZero() && v.length >= 0:
		return address + " modified " + v.modified.Format(time.RFC3339) + " " + strconv.FormatInt(v.length, 10)
	}
	return ""
}

// strongETag returns the ETag if If-Match may use it (RFC 9110 section 13.1.1).
func (v version) strongETag() string {
	if strings.HasPrefix(v.etag, "W/") {
		return ""
	}
	return v.etag
}

// plainETag keeps a reference short and printable whatever a server sends.
func plainETag(etag string) string {
	odd := strings.ContainsFunc(etag, func(r rune) bool { return r <= 0x20 || r >= 0x7f })
	if len(etag) <= maxETag && !odd {
		return etag
	}
	sum := sha256.Sum256([]byte(etag))
	return "#" + hex.EncodeToString(sum[:])
}

// exactRef is the reference where the listing tells size and mtime exactly.
func exactRef(address string, size int64, mtime time.Time) string {
	return fmt.Sprintf("%s %d %s", address, size, mtime.UTC().Format(time.RFC3339))
}

// bodyRef is the reference where nothing but the body tells versions apart.
func bodyRef(address string, body []byte) string {
	sum := sha256.Sum256(body)
	return address + " sha256 " + hex.EncodeToString(sum[:])
}

// listedRef names what the listing shows of a file that can't be asked about.
func listedRef(f file) string {
	sum := sha256.Sum256([]byte(f.row))
	return f.url + " listed " + hex.EncodeToString(sum[:8])
}

// refAddress returns the URL in a reference.
func refAddress(ref string) (string, bool) {
	address, _, ok := strings.Cut(ref, " ")
	return address, ok
}

// holds says whether the file is still the version that ref names. A body's
// hash can't be seen in a header: needsBody says so.
func (v version) holds(ref string) (same, needsBody bool) {
	address, rest, _ := strings.Cut(ref, " ")
	first, second, _ := strings.Cut(rest, " ")
	switch first {
	case "etag", "modified":
		return v.ref(address) == ref, false
	case "sha256":
		return false, true
	}
	if v.length >= 0 && strconv.FormatInt(v.length, 10) != first {
		return false, false
	}
	return v.modified.IsZero() || v.modified.Format(time.RFC3339) == second, false
}
