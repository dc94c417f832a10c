package mailreport

import (
	"strings"
	"testing"
)

// hostileSignatures are mails whose signatures are worth the work of verifying
// them: the key is there and speaks for the From domain.
func hostileSignatures(t testing.TB, s signer) map[string]string {
	const from = "From: a@google.com\r\n"
	signed := func(header, body string) string {
		mail := from + header + "\r\n" + body
		signature := signatureOf(s.signWith(t, mail, ""))
		// Changed afterwards, so that none of the five spares the next.
		return strings.Repeat(signature, maxSignatures) + mail + "changed"
	}
	return map[string]string{
		"empty lines":             signed("", fill(hostileSize-10_000, "\r\n")),
		"bare line feeds":         signed("", fill(hostileSize/2, "\n")+"x"),
		"simple, empty lines":     strings.ReplaceAll(signed("", fill(hostileSize-10_000, "\r\n")+"x"), "relaxed/relaxed", "simple/simple"),
		"a line without an end":   signed("", fill(hostileSize-10_000, "x")),
		"blanks":                  signed("", fill(hostileSize-10_000, " \t")),
		"a header of many fields": signed(fill(maxSignedLines*5/2, "X:\r\n"), "x"),
		"a field of many folds":   signed("X: x\r\n"+fill(maxSignedHeader/2, " "+fill(100, "x")+"\r\n"), "x"),
		"a list of many fields":   s.signWith(t, from+"\r\nx", "h2="+fill(maxSignature-400, "a:")+"; "),
	}
}

func TestHostileSignatures(t *testing.T) {
	// Each verification may copy the mail some times, but no more than that.
	const allowed = maxSignatures * 12 * MaxMail
	s := newSigner(t, "google.com")
	for name, mail := range hostileSignatures(t, s) {
		t.Run(name, func(t *testing.T) {
			a := NewAuthenticator(ModeDKIM, "", &zone{answers: map[string]any{s.name(): s.record("")}})
			took := allocated(func() { a.Judge(t.Context(), []byte(mail)) })
			if took > allowed {
				t.Errorf("took %d MiB, want at most %d", took>>20, allowed>>20)
			}
			t.Logf("%d KiB in, %d MiB taken", len(mail)>>10, took>>20)
		})
	}
}

func BenchmarkHostileSignatures(b *testing.B) {
	s := newSigner(b, "google.com")
	for name, mail := range hostileSignatures(b, s) {
		b.Run(name, func(b *testing.B) {
			a := NewAuthenticator(ModeDKIM, "", &zone{answers: map[string]any{s.name(): s.record("")}})
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			for b.Loop() {
				a.Judge(b.Context(), []byte(mail))
			}
		})
	}
}

func TestHostileResults(t *testing.T) {
	for name, field := range map[string]string{
		"many clauses":          "mx.example.com" + fill(maxHeader/2, "; dkim=fail"),
		"many empty clauses":    fill(maxHeader/2, ";"),
		"many comments":         "mx.example.com" + fill(maxHeader/2, "("),
		"many quotes":           "mx.example.com; " + fill(maxHeader/2, `"`),
		"many blanks":           "mx.example.com; dkim" + strings.Repeat(" ", maxHeader/2) + "x",
		"a name without an end": fill(maxHeader/2, "x") + fill(maxHeader/4, ";a=b"),
	} {
		t.Run(name, func(t *testing.T) {
			a := NewAuthenticator(ModeHeaders, "mx.example.com", nil)
			mail := []byte("Authentication-Results: " + field + "\r\nFrom: a@google.com\r\n\r\n")
			const allowed = 64 << 20
			var v Verdict
			if took := allocated(func() { v = a.Judge(t.Context(), mail) }); took > allowed || v.Trust != Unauthenticated {
				t.Errorf("took %d MiB, got %+v", took>>20, v)
			}
		})
	}
}
