// Package faults breaks on purpose what the plugin lives on: its process, its
// connections, its servers, its disk and its clock. There is nothing in it but
// tests.
//
// The generator's ledger is the truth. Whatever was broken, and however often,
// in the end the store must equal it: nothing lost, nothing counted twice, the
// rollups are what the rows add up to, the accounts what the ledger rows add up
// to, SQLite finds the file whole, and on the server no mail was touched but
// those whose reports are stored.
//
// What is broken, by file:
//
//   - kill_test.go: the process is killed at random moments and between commit
//     and acknowledgement, with keep, move and delete; judging_test.go: while it
//     judges mails, and judges those again that DNS left undecided;
//     retention_test.go: while the retention drops reports during ingest.
//   - connection_test.go: connections are cut, stalled, sliced and slowed at
//     every kind of byte of IMAP, HTTPS and TLS.
//   - oddhabits_test.go: a server sends fewer messages than asked, or UID last,
//     or throttles in the words of large providers, as a drop does with 429 and
//     503 (throttleddrop_test.go). How single odd answers are read is tested in pkg/source/imap.
//   - moments_test.go: UIDVALIDITY changes, another client moves mails during
//     the fetch, settings change in the middle of it, the clock jumps, two
//     instances and two processes share a store, a mailbox is large.
//   - expunged_test.go: another client expunges mails during the fetch.
//   - deleted_test.go: the data source is deleted in the middle of a fetch.
//   - disk_test.go: each write in turn fails, alone or with all that follow, for
//     a full disk, an I/O error and a read-only file; filesize_test.go: the
//     system limits the size of the process's files.
//
// The short form is part of `go test`. With the flag -long everything is done
// more often, over more reports, and each test's figures are printed as a table.
package faults
