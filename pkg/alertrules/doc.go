// Package alertrules is about the alert rules that ship in
// provisioning/alerting/tlsrpt.yaml: it reads them, writes them for another data
// source, as a file or for Grafana's provisioning API, and evaluates them as
// Grafana does, without one.
//
// Of Grafana's server-side expressions it knows what rules on numbers need:
// «math» without functions, joined by labels, and «threshold». What it does not
// know is an error, so that a rule is never judged by half of what it says.
package alertrules
