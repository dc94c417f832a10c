package generate_test

import (
	"fmt"
	"log"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
)

func Example() {
	g, err := generate.New(generate.Options{Seed: 1, End: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		log.Fatal(err)
	}
	for _, in := range g.Incidents() {
		fmt.Println(in.First.Format(time.DateOnly), in.Cause, in.Domain)
	}
	failed := generate.SumDetails(g.Entries(), generate.Distinct, generate.ByDomain, generate.ByResultType)
	fmt.Println(failed[generate.Key("example.org", "starttls-not-supported")] > 0)
	// Output:
	// 2026-04-09 expired certificate example.com
	// 2026-04-27 vanished policy example.net
	// 2026-05-19 stripped STARTTLS example.org
	// 2026-05-24 mismatched TLSA northwind.example
	// true
}
