package tlsrpt

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genReport draws a report of few domains, so that policies meet.
func genReport(t *rapid.T) Report {
	domains := rapid.SampledFrom([]string{"a.example", "b.example", "c.example"})
	kinds := rapid.SampledFrom([]string{PolicySTS, PolicyTLSA, PolicySTS, PolicyTLSA, PolicyNotFound, "other"})
	count := rapid.OneOf(rapid.Int64Range(0, 4), rapid.SampledFrom([]int64{0, MaxCount - 1, MaxCount}))
	detail := rapid.Custom(func(t *rapid.T) FailureDetail {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		return FailureDetail{
			ResultType: pick("result type", "certificate-expired", "validation-failure"), Reason: pick("reason", "", "timeout"),
			ReasonCode: pick("code", "x", "y"), ReceivingMXHostname: pick("mx", "", "mx1.example"), ReceivingMXHelo: pick("helo", "a", "b"),
			ReceivingIP: pick("to", "", "192.0.2.1"), SendingMTAIP: pick("from", "", "192.0.2.2"), FailedSessions: count.Draw(t, "sessions"),
		}
	})
	r := Report{Reporter: rapid.SampledFrom([]string{"Microsoft Corporation", "microsoft.com", "Google Inc.", "Example", "unknown"}).Draw(t, "reporter")}
	for range rapid.IntRange(0, 8).Draw(t, "policies") {
		r.Policies = append(r.Policies, Policy{
			Type: kinds.Draw(t, "type"), Domain: domains.Draw(t, "domain"),
			Successful: count.Draw(t, "successful"), Failed: count.Draw(t, "failed"), Details: rapid.SliceOfN(detail, 0, 4).Draw(t, "details"),
		})
	}
	return r
}

// slowOverlap says what the design says of one domain, a loop for each of its words.
func slowOverlap(r Report, domain string) (o Overlap, any bool) {
	sum := func(kind string, of func(Policy) int64) (n int64) {
		for _, p := range r.Policies {
			if p.Domain == domain && p.Type == kind {
				n += of(p)
			}
		}
		return n
	}
	twice := func(of func(Policy) int64) int64 { return min(sum("sts", of), sum("tlsa", of)) }
	both := sum("sts", func(Policy) int64 { return 1 }) > 0 && sum("tlsa", func(Policy) int64 { return 1 }) > 0
	total := func(p Policy) int64 { return p.Successful + p.Failed }
	equal := sum("sts", total) == sum("tlsa", total)
	microsoft := strings.HasPrefix(strings.ToLower(r.Reporter), "microsoft")
	if !both || !equal && !microsoft {
		return Overlap{}, false
	}
	o.Total, o.Failed = twice(total), twice(func(p Policy) int64 { return p.Failed })
	for _, p := range r.Policies {
		for _, d := range p.Details {
			n := twice(func(p Policy) (n int64) {
				for _, other := range p.Details {
					if other.ResultType == d.ResultType && other.Reason == d.Reason && other.ReceivingMXHostname == d.ReceivingMXHostname &&
						other.ReceivingIP == d.ReceivingIP && other.SendingMTAIP == d.SendingMTAIP {
						n += other.FailedSessions
					}
				}
				return n
			})
			if n > 0 {
				if o.Details == nil {
					o.Details = map[DetailKey]int64{}
				}
				o.Details[d.Key()] = n
			}
		}
	}
	return o, o.Total > 0 || len(o.Details) > 0
}

func TestOverlapsAreWhatTheDesignSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genReport(t)
		want := map[string]Overlap{}
		for _, p := range r.Policies {
			if o, any := slowOverlap(r, p.Domain); any {
				want[p.Domain] = o
			}
		}
		got := r.Overlaps()
		if len(want)+len(got) > 0 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}
		}
		shuffled := r
		shuffled.Policies = rapid.Permutation(r.Policies).Draw(t, "order")
		if diff := cmp.Diff(got, shuffled.Overlaps()); diff != "" {
			t.Fatalf("another order of policies overlaps otherwise\n%s", diff)
		}
	})
}

// A domain's overlap is its own: what the report says of others changes nothing.
func TestOverlapsOfDomainsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genReport(t)
		all := r.Overlaps()
		var reported, distinct, larger int64
		for _, domain := range []string{"a.example", "b.example", "c.example"} {
			alone := Report{Reporter: r.Reporter}
			sides := map[string]int64{}
			for _, p := range r.Policies {
				if p.Domain == domain {
					alone.Policies = append(alone.Policies, p)
					sides[p.Type] += p.Successful + p.Failed
					reported += p.Successful + p.Failed
				}
			}
			if diff := cmp.Diff(all[domain], alone.Overlaps()[domain]); diff != "" {
				t.Fatalf("%s alone overlaps otherwise\n%s", domain, diff)
			}
			if all[domain].Failed > all[domain].Total {
				t.Fatalf("the overlap of %s is %+v", domain, all[domain])
			}
			distinct -= all[domain].Total
			larger += max(sides[PolicySTS], sides[PolicyTLSA]) + sides[PolicyNotFound] + sides["other"]
		}
		if distinct += reported; distinct < larger || distinct > reported {
			t.Fatalf("distinct %d is not from %d to %d", distinct, larger, reported)
		}
	})
}

func TestCountsAreReadAsNumbersAre(t *testing.T) {
	digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		number := digits.Draw(t, "number")
		exact, ok := new(big.Rat).SetString(number)
		if !ok {
			t.Fatalf("%q is no number", number)
		}
		want, clamped := int64(0), false
		switch limit := new(big.Rat).SetInt64(MaxCount); {
		case exact.Sign() < 0:
			clamped = true
		case exact.Cmp(limit) > 0:
			want, clamped = MaxCount, true
		default:
			want = new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		}
		coerced := !clamped && !exact.IsInt()
		for _, quoted := range []bool{false, true} {
			text := number
			if quoted {
				text = `" ` + number + ` "`
			}
			r, err := DecodeBytes([]byte(counts(text)), Hints{})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Policies[0].Successful; got != want {
				t.Fatalf("%s counts as %d, want %d", text, got, want)
			}
			if got := hasWarning(r, WarnClampedCount); got != clamped {
				t.Fatalf("%s: clamped is %t", text, got)
			}
			if got := hasWarning(r, WarnCoercedCount); got != (coerced || quoted) {
				t.Fatalf("%s: coerced is %t", text, got)
			}
		}
	})
}

func TestTheDayHoldsTheMiddleOfThePeriod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(rapid.Int64Range(-100_000_000, 4_000_000_000).Draw(t, "start"), 0).UTC()
		length := time.Duration(rapid.OneOf(
			rapid.Int64Range(0, 9*86400), rapid.SampledFrom([]int64{0, 1, 3600, 86399, 86400, 2*86400 - 1, 2 * 86400, 2*86400 + 1, 7 * 86400}),
		).Draw(t, "seconds")) * time.Second
		r := Report{Start: start, End: start.Add(length)}
		counted := start
		if length <= 48*time.Hour {
			counted = start.Add(length / 2)
		}
		year, month, day := counted.Date()
		if got := r.Day(); !got.Time().Equal(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("%s to %s counts for %s, not for that of %s", r.Start, r.End, got, counted)
		}
		if DayOf(r.Day().Time()) != r.Day() || r.Day().String() != counted.Format(time.DateOnly) {
			t.Fatalf("the day %s is not itself", r.Day())
		}
	})
}

// What a report says is what is read, and details that add up to something else
// than their summary have a warning, and change no number.
func TestDetailsAgainstTheSummary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var elements []string
		var failed []int64
		var sums [][]int64
		differ := false
		for i := range rapid.IntRange(1, 5).Draw(t, "policies") {
			summary := rapid.Int64Range(0, 6).Draw(t, "summary")
			said := rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 4).Draw(t, "details")
			var sum int64
			var written []string
			for _, n := range said {
				sum += n
				written = append(written, fmt.Sprintf(`{"result-type":"certificate-expired","failed-session-count":%d}`, n))
			}
			differ = differ || len(said) > 0 && sum != summary
			failed, sums = append(failed, summary), append(sums, said)
			elements = append(elements, fmt.Sprintf(`{"policy":{"policy-type":"sts","policy-domain":"d%d.example"},"summary":{"total-failure-session-count":%d},"failure-details":[%s]}`,
				i, summary, strings.Join(written, ",")))
		}
		r, err := DecodeBytes([]byte(policies(strings.Join(elements, ","))), Hints{})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range r.Policies {
			var read []int64
			for _, d := range p.Details {
				read = append(read, d.FailedSessions)
			}
			if p.Failed != failed[i] || !slices.Equal(read, sums[i]) {
				t.Fatalf("policy %d says %d failed and %v, read are %d and %v", i, failed[i], sums[i], p.Failed, read)
			}
		}
		if got := hasWarning(r, WarnDetailsDiffer); got != differ {
			t.Fatalf("the warning is %t, want %t", got, differ)
		}
	})
}
