package drop

import (
	"net/url"
	"strings"
)

// A base is a folder of the drop: what its listing names is resolved against
// it, and has to lie inside it.
type base struct {
	// origin is scheme and host, and the port where it isn't the default.
	origin string
	// path is clean, escaped and ends in a slash.
	path string
}

// baseOf returns the folder of a listing that came from u.
func baseOf(u *url.URL) (base, bool) {
	path, ok := cleanPath(u.EscapedPath())
	if !ok {
		return base{}, false
	}
	return base{origin: originOf(u), path: path[:strings.LastIndexByte(path, '/')+1]}, true
}

// String returns the folder's URL.
func (b base) String() string { return b.origin + b.path }

// resolve returns the URL of what a listing in b refers to, and whether it may
// be asked for: same origin, inside the folder, a plain clean path. Parent
// links, sort links and links to elsewhere may not.
func (b base) resolve(reference string) (string, bool) {
	ref, err := url.Parse(reference)
	if err != nil || ref.Opaque != "" || ref.User != nil || ref.RawQuery != "" || ref.ForceQuery || ref.Fragment != "" {
		return "", false
	}
	here, err := url.Parse(b.String())
	if err != nil {
		return "", false
	}
	target := here.ResolveReference(ref)
	if originOf(target) != b.origin {
		return "", false
	}
	path, ok := cleanPath(target.EscapedPath())
	if !ok || path == b.path || !strings.HasPrefix(path, b.path) {
		return "", false
	}
	return b.origin + path, true
}

// originOf returns scheme and host in lower case, without a default port.
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, ":")
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}

// cleanPath decodes an escaped path segment by segment, refuses whatever a
// server might read as another path, and escapes it again in one fixed way, so
// that a file has one URL however the listing spells it.
func cleanPath(escaped string) (string, bool) {
	if escaped == "" {
		return "/", true
	}
	if escaped[0] != '/' {
		return "", false
	}
	segments := strings.Split(escaped[1:], "/")
	for i, segment := range segments {
		name, err := url.PathUnescape(segment)
		if err != nil || !cleanName(name, i == len(segments)-1) {
			return "", false
		}
		segments[i] = escapeName(name)
	}
	return "/" + strings.Join(segments, "/"), true
}

// cleanName says whether a decoded path segment is a plain name. The last one
// may be empty: then the path is a folder's.
func cleanName(name string, last bool) bool {
	switch name {
	case "":
		return last
	case ".", "..":
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r == '/' || r == '\\' || r < 0x20 || r == 0x7f
	})
}

// escapeName escapes a path segment. The exclamation mark, which separates the
// parts of a report's file name (RFC 8460 section 5.1), needs no escape.
func escapeName(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%21", "!")
}

// nameOf returns the last segment of a clean URL, decoded.
func nameOf(address string) string {
	name, err := url.PathUnescape(address[strings.LastIndexByte(address, '/')+1:])
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}
