package drop

import (
	"bytes"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxRow bounds what is kept of the text beside a link, in bytes.
const maxRow = 200

// parseHTML reads an index page: each link is an entry, and the text up to the
// next link is its row. nginx writes date and size there in preformatted text,
// Apache so or in table cells.
func parseHTML(data []byte) []entry {
	var entries []entry
	var row strings.Builder
	inLink := false
	finish := func() {
		if len(entries) > 0 {
			last := &entries[len(entries)-1]
			last.row = strings.Join(strings.Fields(row.String()), " ")
			last.mtime = rowTime(last.row)
		}
		row.Reset()
	}
	tokens := html.NewTokenizer(bytes.NewReader(data))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			finish()
			return entries
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, attributes := tokens.TagName()
			if atom.Lookup(tag) != atom.A || !attributes {
				continue
			}
			if reference, ok := href(tokens); ok {
				finish()
				inLink = true
				entries = append(entries, entry{reference: reference, folder: strings.HasSuffix(reference, "/"), size: -1})
			}
		case html.EndTagToken:
			if tag, _ := tokens.TagName(); atom.Lookup(tag) == atom.A {
				inLink = false
			}
			row.WriteByte(' ')
		case html.TextToken:
			if text := tokens.Text(); !inLink && row.Len() < maxRow {
				row.Write(text[:min(len(text), maxRow)])
			}
		}
	}
}

// href returns the link of the tag that the tokenizer stands at.
func href(tokens *html.Tokenizer) (string, bool) {
	for {
		key, value, more := tokens.TagAttr()
		if string(key) == "href" {
			return strings.TrimSpace(string(value)), true
		}
		if !more {
			return "", false
		}
	}
}

// nginx and Apache write the time of a row in these two ways, to the minute.
var (
	rowDate     = regexp.MustCompile(`\b(\d{2}-[A-Z][a-z]{2}-\d{4}|\d{4}-\d{2}-\d{2}) \d{2}:\d{2}\b`)
	rowTimeForm = []string{"02-Jan-2006 15:04", "2006-01-02 15:04"}
)

// rowTime returns the time in the text beside a link as if it were UTC, which
// Apache's is not; zero when there is none.
func rowTime(row string) time.Time {
	text := rowDate.FindString(row)
	for _, form := range rowTimeForm {
		if t, err := time.Parse(form, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
