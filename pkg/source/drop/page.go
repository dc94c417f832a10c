package drop

import (
	"bytes"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// errPage means that a reply is a web page that lists nothing.
var errPage = errors.New("the reply is a page and no index")

// indexHeading is how nginx, Apache, lighttpd and others begin an index; the
// path need not be the one that is asked for, because of proxies.
var indexHeading = regexp.MustCompile(`(?i)^(index of|directory listing for) /`)

// isIndex says whether a page is the index of a folder rather than one that
// somebody wrote: it links to something in the folder, or it is headed as an
// index. An empty index of other servers, such as Caddy, is known by the
// folder's path in the heading with a link to the folder above.
func isIndex(here base, page []byte, entries []entry) bool {
	for _, e := range entries {
		if _, ok := here.resolve(e.reference); ok {
			return true
		}
	}
	folder, err := url.PathUnescape(strings.TrimSuffix(here.path, "/"))
	named := err == nil && folder != "" && slices.ContainsFunc(entries, func(e entry) bool { return here.isParent(e.reference) })
	return slices.ContainsFunc(headings(page), func(text string) bool {
		return indexHeading.MatchString(text) || named && strings.Contains(text, folder)
	})
}

// isParent says whether a link leads to the folder above.
func (b base) isParent(reference string) bool {
	here, err := url.Parse(b.String())
	if err != nil {
		return false
	}
	target, err := here.Parse(reference)
	return err == nil && target.String() == here.JoinPath("..").String()
}

// headings returns the texts of a page's title and first-level headings.
func headings(page []byte) []string {
	var texts []string
	var text strings.Builder
	inside := false
	tokens := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := tokens.Next()
		switch kind {
		case html.ErrorToken:
			return texts
		case html.StartTagToken, html.EndTagToken:
			if tag, _ := tokens.TagName(); isHeading(atom.Lookup(tag)) {
				if inside {
					texts = append(texts, strings.Join(strings.Fields(text.String()), " "))
				}
				text.Reset()
				inside = kind == html.StartTagToken
			}
		case html.TextToken:
			if inside && text.Len() < maxRow {
				data := tokens.Text()
				text.Write(data[:min(len(data), maxRow)])
			}
		}
	}
}

func isHeading(tag atom.Atom) bool { return tag == atom.Title || tag == atom.H1 }
