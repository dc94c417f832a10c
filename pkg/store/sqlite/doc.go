// Package sqlite keeps reports in one SQLite file, or in memory: it is a
// [store.Store] on modernc.org/sqlite, which needs no cgo.
//
// Reports lie in rows clustered by policy domain and day. Beside them stand
// rollups, sums of those rows by the dimensions that panels ask for. What one
// counted report adds to the rollups is its contribution (contribution.go), and
// it is only ever added or taken back whole, in the transaction that changes
// the report. So a rollup always equals a recount of the rows.
//
// Reading starts at plan.go, which picks the smallest table that can answer;
// writing at commit.go.
package sqlite
