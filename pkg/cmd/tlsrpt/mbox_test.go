package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func splitAll(t *testing.T, mbox string, keep int) (mails []string, sizes []int64) {
	t.Helper()
	s, err := newMailSplitter(strings.NewReader(mbox), keep)
	if err != nil {
		t.Fatal(err)
	}
	for {
		mail, size, err := s.next()
		if errors.Is(err, io.EOF) {
			return mails, sizes
		}
		if err != nil {
			t.Fatal(err)
		}
		mails, sizes = append(mails, string(mail)), append(sizes, size)
	}
}

func TestMailsOfAnMboxAreToldApart(t *testing.T) {
	const from = "From a@example.com Sat Mar  7 10:00:00 2026\n"
	for _, c := range []struct {
		name, mbox string
		want       []string
	}{
		{"a line alone is no mail", from, nil},
		{"one mail", from + "Subject: a\n\nx\n\n", []string{"Subject: a\n\nx\n"}},
		{"two mails", from + "Subject: a\n\nx\n\n" + from + "Subject: b\n\ny\n\n", []string{"Subject: a\n\nx\n", "Subject: b\n\ny\n"}},
		{"without an empty line between them", from + "Subject: a\n\nx\n" + from + "Subject: b\n\ny\n", []string{"Subject: a\n\nx\n", "Subject: b\n\ny\n"}},
		{"line endings stay", strings.ReplaceAll(from+"Subject: a\n\nx\n\n"+from+"Subject: b\n\ny\n", "\n", "\r\n"),
			[]string{"Subject: a\r\n\r\nx\r\n", "Subject: b\r\n\r\ny\r\n"}},
		{"Thunderbird's line without anything in it", "From \r\nSubject: a\r\n\r\nx\r\n\r\nFrom \r\nSubject: b\r\n\r\ny\r\n",
			[]string{"Subject: a\r\n\r\nx\r\n", "Subject: b\r\n\r\ny\r\n"}},
		{"quoted lines lose one sign each", from + "Subject: a\n\n>From here\n>>From there\n> From\n", []string{"Subject: a\n\nFrom here\n>From there\n> From\n"}},
		{"a sentence behind an empty line cuts nothing", from + "Subject: a\n\nx\n\nFrom here on\nall is well\n", []string{"Subject: a\n\nx\n\nFrom here on\nall is well\n"}},
		{"a sentence before a colon cuts nothing", from + "Subject: a\n\nx\nFrom here on\nNote: all is well\n", []string{"Subject: a\n\nx\nFrom here on\nNote: all is well\n"}},
		{"the last mail without a line's end", from + "Subject: a\n\nx", []string{"Subject: a\n\nx"}},
		{"a line longer than any buffer", from + "Subject: a\n\n" + strings.Repeat("From ", 40_000) + "\n", []string{"Subject: a\n\n" + strings.Repeat("From ", 40_000) + "\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := splitAll(t, c.mbox, 1<<20)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("mails (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfAHugeMailOnlyTheStartIsKeptAndTheNextIsRead(t *testing.T) {
	mbox := "From a Sat Mar  7 10:00:00 2026\nSubject: a\n\n" + strings.Repeat("xxxxxxx\n", 100_000) + "\nFrom b Sat Mar  7 10:00:00 2026\nSubject: b\n\ny\n"
	mails, sizes := splitAll(t, mbox, 1000)
	if len(mails) != 2 || len(mails[0]) != 1000 || sizes[0] != 800_013 || mails[1] != "Subject: b\n\ny\n" {
		t.Errorf("%d mails of sizes %v", len(mails), sizes)
	}
}

func FuzzMailSplitter(f *testing.F) {
	f.Add("From a Sat Mar  7 10:00:00 2026\nSubject: a\n\n>From x\n\nFrom \nB: c\n")
	f.Fuzz(func(t *testing.T, mbox string) {
		s, err := newMailSplitter(strings.NewReader(mbox), 100)
		for err == nil {
			var mail []byte
			if mail, _, err = s.next(); len(mail) > 100 {
				t.Fatal("more was kept than asked for")
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
