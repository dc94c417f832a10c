// Package mailreport finds the TLS reports in what a source delivers, a mail
// or a file (RFC 8460 sections 5.3 and 5.4), and says how far a mail is known
// to come from who it says it comes from (DKIM, RFC 6376).
//
// What a part is labelled as is never believed: its content decides. The
// package inflates and unpacks, within bounds, and leaves the reading of the
// JSON to package tlsrpt. It knows neither the store nor Grafana.
package mailreport
