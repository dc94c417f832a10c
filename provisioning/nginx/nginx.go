// Package nginx holds the nginx site of an HTTPS drop, so that the demo and the
// tests run the very file that administrators copy.
package nginx

import _ "embed" // for Site

// Site is tlsrpt-drop.conf.
//
//go:embed tlsrpt-drop.conf
var Site string
