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
// The short form is part of `go test`. With the flag -long everything is done
// more often, over more reports, and each test's figures are printed as a table.
package faults
