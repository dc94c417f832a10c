// Package generate invents the report mails and files that 90 days bring to an
// administrator of four domains: reports in the manners of Google, Microsoft,
// Comcast, Mail.ru and Mimecast, with four incidents to find in them and
// decoys between them.
//
// The same [Options] give the same bytes. Items come from an iterator, one at
// a time, so that a million of them need no memory, and each carries its
// [Entry]: what it says, written down before it was rendered. The entries are
// the ledger. What should be counted is worked out from it by loops of this
// package's own ([Sum], [SumDetails], [Expected]), which share nothing with
// the decoder, the store and the queries that they are there to check.
//
// Addresses are from the documentation ranges (RFC 5737, RFC 3849); the
// domains reported on are from RFC 2606.
package generate
