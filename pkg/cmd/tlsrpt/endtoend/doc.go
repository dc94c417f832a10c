// Package endtoend holds the tests that run the built plugin against real
// servers, and compare what it answers with an independent count. It has no
// code of its own.
package endtoend
