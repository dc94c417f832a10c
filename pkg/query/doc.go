// Package query is the public query model: it parses and judges a query's
// JSON, reads what it needs from a store, and answers with data frames. The
// Grafana adapter and the command line both answer through it.
package query
