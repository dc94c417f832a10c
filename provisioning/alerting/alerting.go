// Package alerting holds the alert rules as Grafana's provisioning reads them,
// so that the plugin, the command line and the tests work with the very file
// that administrators copy.
package alerting

import _ "embed" // for Rules

// Rules is tlsrpt.yaml.
//
//go:embed tlsrpt.yaml
var Rules []byte
