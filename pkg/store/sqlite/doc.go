// Package sqlite keeps reports in one SQLite file, or in memory: it is a
// [store.Store] on modernc.org/sqlite, which needs no cgo.
//
// Reports lie in rows clustered by policy domain and day. Beside them stand
// rollups, sums of those rows by the dimensions that panels ask for. What one
// counted report adds to the rollups is its contribution (contribution.go), and
// it is only ever added or taken back whole, in the transaction that changes
// the report. So a rollup always equals a recount of the rows.
//
// What is known better later changes what is stored: a mail that is judged again
// (rejudge.go), a document that is read again (reread.go, resolve.go), a signer
// that turns out to have been first (signers.go). Which of several reports that
// claim to be the same counts follows from the set of all deliveries, never from
// the order in which they were committed (rivals.go).
//
// Reading starts at plan.go, which picks the smallest table that can answer;
// writing at commit.go. Sums by domain, of policies and of failure details, are
// packed, many domains in one row (packed.go). Answers over thousands of domains
// are read from these (packedread.go), decoded beside the reader (decoder.go),
// and given names last (grouped.go).
package sqlite
