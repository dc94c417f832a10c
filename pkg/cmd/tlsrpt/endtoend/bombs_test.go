package endtoend

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

const (
	mib = 1 << 20
	// gigabyte is what a bomb inflates to.
	gigabyte = 1 << 30
)

// What becomes of a hostile input, where it is not the reason in quarantine.
const (
	isStored  = "stored"
	isIgnored = "ignored"
)

// A hostileInput is a mail, or where it is named a file, that wants to do harm.
type hostileInput struct {
	// says is what it is, in a few words.
	says string
	// file is its name in a drop; empty for a mail.
	file string
	// body makes its bytes.
	body func(t testing.TB) []byte
	// becomes is its reason in quarantine, or isStored or isIgnored.
	becomes string
}

// hostileInputs cross each limit of one item: those of mails, of what is
// packed in them, and of the documents within.
var hostileInputs = []hostileInput{
	{"a mail of more than 15 MiB", "", mailOf(plain, func(testing.TB) []byte { return spaced(12 * mib) }), "too-large"},
	{"a document that inflates to more than 20 MiB", "", mailOf("application/tlsrpt+gzip", gzipBody(spacedBody(20*mib+1))), "too-large"},
	{"a gzip bomb", "", mailOf("application/tlsrpt+gzip", gzipBomb), "too-large"},
	{"a zip bomb", "", mailOf("application/zip", zipBomb), "too-large"},
	{"a gzip bomb in a zip", "", mailOf("application/zip", func(t testing.TB) []byte { return zipOf("report.json.gz", gzipBomb(t)) }), "too-large"},
	{"a gzip bomb in a gzip", "", mailOf("application/tlsrpt+gzip", gzipBody(gzipBomb)), "too-deep"},
	{"a zip bomb in a zip", "", mailOf("application/zip", func(t testing.TB) []byte { return zipOf("report.zip", zipBomb(t)) }), "too-deep"},
	{"three layers of compression", "", mailOf("application/zip", func(testing.TB) []byte { return zipOf("report.json.gz", gzipOf(gzipOf(small()))) }), "too-deep"},
	{"a zip with five members", "", mailOf("application/zip", fiveMembers), "too-many"},
	{"JSON a million levels deep", "", mailOf("application/tlsrpt+gzip", gzipBody(deepJSON)), "too-deep"},
	{"100,000 policies", "", mailOf("application/tlsrpt+gzip", gzipBody(policiesBody(100_000))), "too-many"},
	{"50,001 failure details", "", mailOf("application/tlsrpt+gzip", gzipBody(detailsBody(50_001))), "too-many"},
	{"parts 1,000 deep", "", nestedParts, "too-deep"},
	{"mails 1,000 deep in mails", "", nestedMails, "too-deep"},
	{"10,000 parts", "", wideMail("report-type=tlsrpt; "), "too-many"},
	{"10,000 parts of a mail that announces nothing", "", wideMail(""), isIgnored},
	{"a zip bomb in a mail that announces nothing", "", func(t testing.TB) []byte {
		return []byte(mailHeader + "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + string(inLines(zipBombOf(t, "holiday.jpg", ' '))))
	}, isIgnored},
	{"a header line without an end", "", endlessHeader, isStored},
	{"a header of a million fields", "", manyFields, isStored},
	{"a line of base64 without an end", "", func(testing.TB) []byte {
		return reportMail(plain, base64.StdEncoding.EncodeToString(spaced(10*mib)))
	}, isStored},
	{"text in one line without an end", "", mailOf("text/plain", func(testing.TB) []byte { return bytes.Repeat([]byte("a"), 10*mib) }), "no-document"},
	{"a string without an end", "", mailOf("application/tlsrpt+gzip", gzipBody(func(testing.TB) []byte {
		return []byte(`{"policies":[],"x":"` + strings.Repeat("a", 19*mib))
	})), "invalid-json"},
	{"fields that are far too long", "", mailOf("application/tlsrpt+gzip", gzipBody(longFields)), isStored},
	{"a policy domain of 100,000 characters", "", mailOf("application/tlsrpt+gzip", gzipBody(func(testing.TB) []byte {
		return document("long domain", policyOf(strings.Repeat("a", 100_000)+".example"))
	})), "invalid-domain"},
	{"a file of more than 15 MiB", "large.json", func(testing.TB) []byte { return spaced(15*mib + 1) }, "too-large"},
	{"a gzip bomb as a file", "bomb.json.gz", gzipBomb, "too-large"},
	{"a zip bomb as a file", "bomb.zip", zipBomb, "too-large"},
	{"a gzip bomb in a zip as a file", "bombs.zip", func(t testing.TB) []byte { return zipOf("report.json.gz", gzipBomb(t)) }, "too-deep"},
	{"a zip with five members as a file", "members.zip", fiveMembers, "too-many"},
	{"JSON a million levels deep as a file", "deep.json", deepJSON, "too-deep"},
	{"100,000 policies as a file", "policies.json", policiesBody(100_000), "too-many"},
	{"50,001 failure details as a file", "details.json", detailsBody(50_001), "too-many"},
}

const plain = "application/tlsrpt+json"

// mailOf puts a body into a report mail of one part.
func mailOf(mediaType string, body func(testing.TB) []byte) func(testing.TB) []byte {
	return func(t testing.TB) []byte { return reportMail(mediaType, string(inLines(body(t)))) }
}

// reportMail makes a mail of which only its label, if anything, announces a report.
func reportMail(mediaType, encoded string) []byte {
	return []byte("From: hostile@hostile.example\r\nTo: " + user + "\r\nSubject: Report\r\nMIME-Version: 1.0\r\n" + announcement(mediaType) +
		"Content-Type: " + mediaType + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded)
}

func announcement(mediaType string) string {
	if mediaType == "application/zip" || mediaType == "text/plain" {
		return "TLS-Report-Domain: example.com\r\n"
	}
	return ""
}

func gzipBody(body func(testing.TB) []byte) func(testing.TB) []byte {
	return func(t testing.TB) []byte { return gzipOf(body(t)) }
}

// document is a report with the given policies.
func document(id string, policies string) []byte {
	return fmt.Appendf(nil, `{"organization-name":"hostile.example","date-range":{"start-datetime":"2026-03-01T00:00:00Z",`+
		`"end-datetime":"2026-03-01T23:59:59Z"},"contact-info":"a@hostile.example","report-id":%q,"policies":[%s]}`, id, policies)
}

func policyOf(domain string) string {
	return `{"policy":{"policy-type":"sts","policy-domain":"` + domain + `"},"summary":{"total-successful-session-count":1,"total-failure-session-count":0}}`
}

func small() []byte { return document("small", policyOf("example.com")) }

// spaced is a good report with spaces behind it, n bytes in all.
func spaced(n int) []byte {
	content := document(fmt.Sprint("spaced ", n), policyOf("example.com"))
	return append(content, bytes.Repeat([]byte(" "), n-len(content))...)
}

func spacedBody(n int) func(testing.TB) []byte { return func(testing.TB) []byte { return spaced(n) } }

// deflated is a stream (RFC 1951) that inflates to a gigabyte of spaces behind
// its first byte. It repeats one compressed block, since a gigabyte takes seconds.
func deflated(t testing.TB, first byte) []byte {
	t.Helper()
	var head, again bytes.Buffer
	for buffer, start := range map[*bytes.Buffer]string{&head: string(first), &again: " "} {
		w, err := flate.NewWriter(buffer, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(start + strings.Repeat(" ", mib-1))); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	stream := append(head.Bytes(), bytes.Repeat(again.Bytes(), gigabyte/mib-1)...)
	return append(stream, 1, 0, 0, 0xff, 0xff) // an empty last block
}

func bombChecksum(first byte) uint32 {
	block := []byte(strings.Repeat(" ", mib))
	block[0] = first
	sum := crc32.ChecksumIEEE(block)
	block[0] = ' '
	for range gigabyte/mib - 1 {
		sum = crc32.Update(sum, crc32.IEEETable, block)
	}
	return sum
}

// gzipBomb is a gzip stream (RFC 1952) of a gigabyte.
func gzipBomb(t testing.TB) []byte {
	t.Helper()
	stream := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, deflated(t, '{')...)
	stream = binary.LittleEndian.AppendUint32(stream, bombChecksum('{'))
	return binary.LittleEndian.AppendUint32(stream, gigabyte)
}

func zipBomb(t testing.TB) []byte { return zipBombOf(t, "report.json", '{') }

func zipBombOf(t testing.TB, name string, first byte) []byte {
	t.Helper()
	stream := deflated(t, first)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	member, err := w.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, CRC32: bombChecksum(first), CompressedSize64: uint64(len(stream)), UncompressedSize64: gigabyte,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write(stream); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fiveMembers(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 5 {
		member, err := w.Create(fmt.Sprintf("%d.json", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Write(document(fmt.Sprint("member ", i), policyOf("example.com"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deepJSON(testing.TB) []byte {
	const levels = 1_000_000
	return []byte(`{"policies":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + "}")
}

func policiesBody(n int) func(testing.TB) []byte {
	return func(testing.TB) []byte {
		return document("policies", strings.Repeat(policyOf("example.com")+",", n-1)+policyOf("example.com"))
	}
}

func detailsBody(n int) func(testing.TB) []byte {
	const detail = `{"result-type":"certificate-expired","failed-session-count":1}`
	return func(testing.TB) []byte {
		return document("details", strings.TrimSuffix(policyOf("example.com"), "}")+`,"failure-details":[`+strings.Repeat(detail+",", n-1)+detail+"]}")
	}
}

// longFields is a report each of whose strings is far over its limit.
func longFields(testing.TB) []byte {
	long := strings.Repeat("long ", 100_000)
	report := strings.TrimSuffix(policyOf("example.com"), "}") + `,"failure-details":[{"result-type":"` + long + `","failed-session-count":0,` +
		`"receiving-mx-hostname":"` + long + `","receiving-mx-helo":"` + long + `","additional-information":"` + long + `","failure-reason-code":"` + long + `"}]}`
	return bytes.Replace(document(long, report), []byte("a@hostile.example"), []byte(long), 1)
}

const mailHeader = "From: hostile@hostile.example\r\nTo: " + user + "\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"

func nestedParts(testing.TB) []byte {
	inner := "Content-Type: " + plain + "\r\n\r\n" + string(small())
	var b strings.Builder
	b.WriteString(mailHeader + "TLS-Report-Domain: example.com\r\n")
	for i := range 1_000 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"=_%d\"\r\n\r\n--=_%d\r\n", i, i)
	}
	return []byte(b.String() + inner)
}

func nestedMails(testing.TB) []byte {
	return []byte(strings.Repeat(mailHeader+"Content-Type: message/rfc822\r\n\r\n", 1_000) + string(wrap(small())))
}

func wideMail(parameter string) func(testing.TB) []byte {
	return func(testing.TB) []byte {
		return []byte(mailHeader + "Content-Type: multipart/mixed; " + parameter + "boundary=b\r\n\r\n" +
			strings.Repeat("--b\r\nContent-Type: text/plain\r\n\r\nA part.\r\n", 10_000) + "--b--\r\n")
	}
}

func endlessHeader(testing.TB) []byte {
	content := document("endless header", policyOf("example.com"))
	return []byte(mailHeader + "Content-Type: " + plain + "\r\nX-Endless: " + strings.Repeat("a", 10*mib) + "\r\n\r\n" + string(content))
}

func manyFields(testing.TB) []byte {
	content := document("many fields", policyOf("example.com"))
	return []byte(mailHeader + "Content-Type: " + plain + "\r\n" + strings.Repeat("X-Many: a\r\n", 1_000_000) + "\r\n" + string(content))
}
