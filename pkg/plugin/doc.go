// Package plugin is the Grafana adapter: it reads settings, hands them to the
// ingest engine, and answers Grafana's queries, health checks and resource
// calls. What it answers with is made in packages query and frames.
package plugin
