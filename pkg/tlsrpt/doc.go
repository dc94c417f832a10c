// Package tlsrpt holds the SMTP TLS report of RFC 8460: its types and a
// bounded, tolerant decoder.
//
// Direction, often told backwards: the receiving domain publishes _smtp._tls
// in DNS; the sending servers report how their TLS sessions to it went.
//
// The package does no I/O of its own and knows neither mail nor a store.
package tlsrpt
