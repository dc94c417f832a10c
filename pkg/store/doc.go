// Package store says what the engine and the queries need of a report store:
// deliveries go in, in one transaction a batch; sums, rows and raw documents
// come out. It speaks of batches, filters and rollups, never of SQL, so that a
// store for high-availability set-ups can stand beside store/sqlite.
package store
