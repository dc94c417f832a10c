package mailreport

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A hostileItem is what someone sends to exhaust or to fool the reader.
type hostileItem struct {
	name string
	// file says that it lies in a drop.
	file bool
	// make returns it, of about n bytes where its size is its weapon.
	make func(n int) string
	// want is a reason, or one of the words of outcome.
	want string
}

const (
	isRead    = "read"
	isIgnored = "ignored"
)

// outcome tells an Extraction in one word: the last reason in it, if there is any.
func outcome(e Extraction) string {
	said := isRead
	for _, d := range e.Documents {
		if d.Problem != nil {
			said = d.Problem.Reason
		}
	}
	switch {
	case e.Problem != nil:
		return e.Problem.Reason
	case e.Ignored != "":
		return isIgnored
	}
	return said
}

// fill repeats unit up to n bytes.
func fill(n int, unit string) string { return strings.Repeat(unit, max(n, 0)/len(unit)) }

func inGzip(content string) string {
	return reportMail(attachment("application/tlsrpt+gzip", "x.json.gz", content))
}

func inZip(content string) string {
	return reportMail(attachment("application/zip", "x.zip", content))
}

// zeros returns a gzip of n MiB of zeros, in streams of 16 MiB.
func zeros(n int) string {
	return strings.Repeat(gzipped(strings.Repeat("\x00", 16<<20)), n/16)
}

func plain(body string) string { return marked + "Content-Type: application/json\r\n\r\n" + body }

// headed returns a report mail with more header fields.
func headed(fields string) string { return fields + "\r\n" + plain(reportJSON) }

func hostileItems() []hostileItem {
	return append(append(hostileArchives(), hostileBodies()...), hostileHeaders()...)
}

func hostileArchives() []hostileItem {
	spaces := strings.Repeat(" ", 40<<20)
	bomb := gzipped(spaces)
	four := zipped("a.json", spaces, "b.json", spaces, "c.json", spaces, "d.json", spaces)
	return []hostileItem{
		{"gzip of 1 GB of zeros", false, func(int) string { return inGzip(zeros(1024)) }, ReasonTooLarge},
		{"gzip of 1 GB of zeros in a drop", true, func(int) string { return zeros(1024) }, ReasonTooLarge},
		{"gzip of one long JSON string", false, func(int) string { return inGzip(gzipped(`{"policies":"` + spaces)) }, ReasonTooLarge},
		{"50 parts of bombs", false, func(int) string { return manyParts("application/gzip", MaxParts-1, bomb) }, ReasonTooLarge},
		{"50 parts of zips of 4 bombs", false, func(int) string { return manyParts("application/zip", MaxParts-1, four) }, ReasonTooLarge},
		{"50 parts of bombs that announce nothing", false,
			func(int) string {
				return strings.NewReplacer(marked, unmarked, "x.json.gz", "x.tar.gz").Replace(manyParts("application/gzip", MaxParts-1, bomb))
			}, ReasonTooLarge},
		{"bomb in a bomb", false, func(int) string { return inGzip(gzipped(bomb)) }, ReasonTooDeep},
		{"gzip bomb in zip", false, func(int) string { return inZip(zipped("a.json.gz", zeros(1024))) }, ReasonTooLarge},
		{"bomb in a bomb in a mail in gzip", true, func(int) string { return gzipped(inGzip(gzipped(bomb))) }, ReasonTooDeep},
		{"gzip bomb that starts as a mail", true, func(int) string { return gzipped(unmarked + "\r\n" + spaces) }, ReasonTooLarge},
		{"zip of 4 bombs", false, func(int) string { return inZip(four) }, ReasonTooLarge},
		{"zip whose members overlap", false, func(int) string { return inZip(overlapping(zipped("a.json", spaces))) }, ReasonTooLarge},
		{"zip that says less than it inflates to", false, func(int) string { return inZip(lying(zipped("a.json", spaces), 10)) }, ReasonInvalidZip},
		{"zip that says more than it inflates to", false, func(int) string { return inZip(lying(zipped("a.json", "{"), 1<<30)) }, ReasonInvalidZip},
		{"zip with a directory that is longer than said", false, func(int) string { return zipWithManyEntries() }, ReasonTooMany},
		{"zip of many members in a drop", true, func(int) string { return zipped(strings.Split(strings.Repeat("a.json,{},", 5000), ",")[:10000]...) }, ReasonTooMany},
		{"zip64", false, func(int) string { return inZip(zip64(zipped("a.json", reportJSON))) }, isRead},
		{"zip64 that says 2^60 members", false, func(int) string {
			return inZip(strings.Replace(zip64(zipped("a.json", reportJSON)), "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00", "\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00", 1))
		}, ReasonInvalidZip},
		{"zip with names that lead out", false, func(int) string {
			return inZip(zipped("../../etc/"+reportName, reportJSON, `..\..\x.json`, reportJSON))
		}, isRead},
		{"encrypted zip", false, func(int) string { return inZip(encrypted(zipped("a.json", reportJSON))) }, ReasonInvalidZip},
		{"zip whose directory is a loop of its own", true, func(int) string { return "PK\x05\x06" + strings.Repeat("\x00", 18) }, isIgnored},
	}
}

func hostileBodies() []hostileItem {
	typed := "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
	encoded := func(encoding, body string) string {
		return marked + "Content-Type: application/json\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body
	}
	return []hostileItem{
		{"mail over 15 MiB", false, func(int) string { return plain(fill(MaxMail, "x")) }, ReasonTooLarge},
		{"1,000 levels of parts", false, func(int) string { return nestedMail(1000) }, ReasonTooDeep},
		{"mails in mails", false, func(n int) string { return forwarded(n/200, plain(reportJSON)) }, ReasonTooDeep},
		{"10,000 parts", false, func(int) string { return manyParts("text/plain", 10_000, "x") }, ReasonTooMany},
		{"endless parts", false, func(n int) string { return marked + typed + fill(n, "--x\r\n\r\n") }, ReasonTooMany},
		{"endless wrong boundaries", false, func(n int) string {
			return marked + "Content-Type: multipart/mixed\r\n\r\n" + fill(n, "--x\r\n--y\r\n")
		}, ReasonTooMany},
		{"parts that announce nothing", false, func(n int) string { return unmarked + typed + fill(n, "--x\r\n\r\n") }, isIgnored},
		{"boundary of 1 MB", false, func(n int) string {
			b := fill(min(n/4, 1000_000), "a")
			return marked + "Content-Type: multipart/mixed; boundary=\"" + b + "\"\r\n\r\n" + fill(n-len(b), "--"+b[:len(b)-1]+"b\r\n")
		}, ReasonNoDocument},
		{"line without an end in the body", false, func(n int) string { return plain(fill(n, "x")) }, ReasonNoDocument},
		{"line without an end that starts as JSON", false, func(n int) string { return unmarked + "\r\n{\"" + fill(n, "policie") }, isIgnored},
		{"line without an end in JSON", false, func(n int) string { return plain(`{"policies":"` + fill(n, "x")) }, isRead},
		{"JSON that nests without an end", false, func(n int) string { return marked + "\r\n" + fill(n, `{"a":`) }, ReasonNoDocument},
		{"endless quotes", false, func(n int) string {
			return unmarked + "Content-Type: application/json; name=a\r\n\r\n{" + fill(n, `"polic`)
		}, isIgnored},
		{"empty lines", false, func(n int) string { return plain(fill(n, "\n")) }, ReasonNoDocument},
		{"base64 of nothing", false, func(n int) string { return encoded("base64", fill(n, "=\r\n")) }, ReasonNoDocument},
		{"base64 in base64", false, func(n int) string { return encoded("base64", nestedBase64(n, 5)) }, ReasonNoDocument},
		{"base64 mails in base64 mails", false, func(n int) string { return nestedMails(n, 8) }, ReasonTooDeep},
		{"quoted-printable that is all signs", false, func(n int) string { return encoded("quoted-printable", fill(n, "=")) }, ReasonNoDocument},
		{"quoted-printable that is all soft line ends", false, func(n int) string { return encoded("quoted-printable", fill(n, "=\r\n")) }, ReasonNoDocument},
		{"charset that grows", false, func(n int) string {
			return marked + "Content-Type: text/plain; charset=windows-1252\r\n\r\n{\"policies\":\"" + fill(n, "\x80")
		}, ReasonTooLarge},
		{"charset that is a lie", false, func(n int) string {
			return marked + "Content-Type: text/plain; charset=utf-16\r\n\r\n{\"policies\":\"" + fill(n, "x")
		}, ReasonNoDocument},
		{"charset that no one knows", false, func(int) string {
			return marked + "Content-Type: text/plain; charset=x-" + fill(10_000, "y") + "\r\n\r\n" + reportJSON
		}, isRead},
	}
}

func hostileHeaders() []hostileItem {
	return []hostileItem{
		{"100,000 header fields", false, func(int) string { return headed(fill(1_200_000, "X-Field: x\r\n") + "X: y") }, isRead},
		{"header without an end", false, func(n int) string { return marked + fill(n, "X-Field: x\r\n") }, ReasonNoDocument},
		{"line without an end in the header", false, func(n int) string { return marked + "X-Field: " + fill(n, "x") }, ReasonNoDocument},
		{"field that is folded without an end", false, func(n int) string { return marked + "X-Field: x\r\n" + fill(n, " x\r\n") + "\r\n" + reportJSON }, isRead},
		{"From that is folded without an end", false, func(n int) string { return headed("From: x" + fill(min(n, maxHeader), "\r\n x")) }, isRead},
		{"From of many addresses", false, func(n int) string { return headed("From: " + fill(min(n, maxHeader/2), "a@b.example, ")) }, isRead},
		{"From of comments", false, func(n int) string { return headed("From: " + fill(min(n, maxHeader/2), "(")) }, isRead},
		{"From of groups", false, func(n int) string { return headed("From: " + fill(min(n, maxHeader/2), "a:;,")) }, isRead},
		{"From of signs", false, func(n int) string { return headed("From: " + fill(min(n, maxHeader/2), "@")) }, isRead},
		{"From of literals", false, func(n int) string { return headed("From: a@[" + fill(min(n, maxHeader/2), "\\[")) }, isRead},
		{"From of quotes", false, func(n int) string { return headed("From: " + fill(min(n, maxHeader/2), `"a" `)) }, isRead},
		{"many From fields", false, func(n int) string { return headed(fill(min(n, maxHeader/2), "From: a@b.example\r\n") + "X: y") }, isRead},
		{"encoded words without an end", false, func(n int) string { return headed("TLS-Report-Domain: " + fill(min(n, maxHeader/2), "=?utf-8?q?")) }, isRead},
		{"many encoded words", false, func(n int) string { return headed("TLS-Report-Domain: " + fill(min(n, maxHeader/2), "=?utf-8?q?a?= ")) }, isRead},
		{"Content-Type of many parameters", false, func(n int) string {
			return marked + "Content-Type: a/b" + fill(min(n, maxHeader/2), "; a*=b") + "\r\n\r\n" + reportJSON
		}, isRead},
		{"Content-Type of many pieces", false, func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < min(n, maxHeader/2); i++ {
				fmt.Fprintf(&b, ";\r\n name*%d*=a", i)
			}
			return marked + "Content-Type: a/b" + b.String() + "\r\n\r\n" + reportJSON
		}, isRead},
		{"Content-Type of one sign", false, func(n int) string {
			return marked + "Content-Type: a/b" + fill(min(n, maxHeader/2), "name=") + "\r\n\r\n" + reportJSON
		}, isRead},
	}
}

// manyParts returns a mail of n such parts and a report.
func manyParts(contentType string, n int, content string) string {
	part := attachment(contentType, "x.json.gz", content)
	var b strings.Builder
	for range n {
		b.WriteString(part + "\r\n--=_b\r\n")
	}
	return marked + multipart("multipart/mixed", b.String()+attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))
}

func nestedBase64(n, depth int) string {
	content := fill(n/(depth+1), "x")
	for range depth {
		content = base64.StdEncoding.EncodeToString([]byte(content))
	}
	return content
}

// nestedMails returns mails in base64 in mails in base64.
func nestedMails(n, depth int) string {
	mail := plain(fill(n/12, "x"))
	for range depth {
		mail = unmarked + "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(mail))
	}
	return mail
}

// cutZip cuts an archive before its directory and before its end.
func cutZip(archive string) (files, directory, end string) {
	d, e := strings.Index(archive, "PK\x01\x02"), strings.LastIndex(archive, "PK\x05\x06")
	return archive[:d], archive[d:e], archive[e:]
}

// zipEnd returns the end of an archive (its section 4.3.16).
func zipEnd(entries, size, offset int) string {
	b := binary.LittleEndian.AppendUint32([]byte("PK\x05\x06\x00\x00\x00\x00"), uint32(entries)<<16|uint32(entries))
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	return string(append(b, 0, 0))
}

// overlapping lists the one member of an archive four times.
func overlapping(archive string) string {
	files, directory, _ := cutZip(archive)
	return files + strings.Repeat(directory, MaxMembers) + zipEnd(MaxMembers, MaxMembers*len(directory), len(files))
}

// lying changes the size that the directory of an archive says.
func lying(archive string, size uint32) string {
	files, directory, end := cutZip(archive)
	said := []byte(directory)
	binary.LittleEndian.PutUint32(said[24:], size)
	return files + string(said) + end
}

// encrypted sets the flag of encryption on every member.
func encrypted(archive string) string {
	files, directory, end := cutZip(archive)
	said, local := []byte(directory), []byte(files)
	said[8] |= 1
	local[6] |= 1
	return string(local) + string(said) + end
}

// zip64 gives an archive the end of zip64 (sections 4.3.14 and 4.3.15).
func zip64(archive string) string {
	files, directory, _ := cutZip(archive)
	b := []byte("PK\x06\x06")
	for _, v := range []any{uint64(44), uint16(45), uint16(45), uint32(0), uint32(0), uint64(1), uint64(1), uint64(len(directory)), uint64(len(files))} {
		b, _ = binary.Append(b, binary.LittleEndian, v)
	}
	b = append(b, "PK\x06\x07"...)
	for _, v := range []any{uint32(0), uint64(len(files) + len(directory)), uint32(1)} {
		b, _ = binary.Append(b, binary.LittleEndian, v)
	}
	return files + directory + string(b) + zipEnd(0xffff, len(directory), len(files))
}

// zipWithManyEntries returns a mail with an archive whose directory has far more
// entries than its end says.
func zipWithManyEntries() string {
	files, directory, end := cutZip(zipped("a.json", reportJSON))
	return reportMail("Content-Type: application/zip; name=\"x.zip\"\r\nContent-Transfer-Encoding: binary\r\n\r\n" +
		files + strings.Repeat(directory, 200_000) + end)
}

// hostileSize is a mail that is as large as may be, but for its first header.
const hostileSize = MaxMail - 10_000

// The whole process has to stay under 256 MiB of memory, and what an item may
// take depends on the bounds, not on what it would inflate to.
func TestHostileItems(t *testing.T) {
	const allowed = 256 << 20
	for _, item := range hostileItems() {
		t.Run(item.name, func(t *testing.T) {
			body := []byte(item.make(hostileSize))
			var e Extraction
			took := allocated(func() { e = Extract(body, "x", !item.file) })
			if took > allowed {
				t.Errorf("took %d MiB, want at most %d", took>>20, allowed>>20)
			}
			if got := outcome(e); got != item.want {
				t.Errorf("got %q of %d documents, want %q", got, len(e.Documents), item.want)
			}
			t.Logf("%d KiB in, %d MiB taken", len(body)>>10, took>>20)
			a := NewAuthenticator(ModeDKIM, "", &zone{})
			if took := allocated(func() { a.Judge(t.Context(), body) }); took > allowed {
				t.Errorf("judging took %d MiB, want at most %d", took>>20, allowed>>20)
			}
		})
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func BenchmarkHostile(b *testing.B) {
	for _, item := range hostileItems() {
		b.Run(item.name, func(b *testing.B) {
			body := []byte(item.make(hostileSize))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			b.ReportMetric(float64(len(body))/(1<<20), "mail-MiB")
			for b.Loop() {
				Extract(body, "x", !item.file)
			}
		})
	}
}
