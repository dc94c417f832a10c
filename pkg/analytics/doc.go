// Package analytics is the session maths: pure functions over the store's
// rows that turn sums into metrics, days into buckets, and result types into
// what they mean. Nothing in it reads a clock, a file or a network.
package analytics
