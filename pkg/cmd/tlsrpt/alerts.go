package main

import (
	"context"
	"fmt"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

const alertsNotes = `The uid of a data source is the last part of the address of its settings page. Put the file
where Grafana reads it at its start, /etc/grafana/provisioning/alerting, or post it with the
button on the settings page instead, which needs no access to the server.`

// runAlerts prints the alert rules as a provisioning file.
func runAlerts(_ context.Context, args []string, std streams) error {
	var target alertrules.Target
	flags := newFlags("alerts", alertsNotes, std)
	flags.StringVar(&target.DatasourceUID, "datasource-uid", "", "`uid` of the data source that the rules ask")
	flags.StringVar(&target.Folder, "folder", alertrules.Folder, "`title` of the folder that the rules lie in")
	flags.Int64Var(&target.Org, "org", alertrules.Org, "`id` of the organisation")
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return misuse(flags, "%q is too much: alerts takes flags alone", flags.Arg(0))
	}
	if target.DatasourceUID == "" {
		return misuse(flags, "--datasource-uid is missing: the rules must know which data source they ask")
	}
	file, err := target.File()
	if err != nil {
		return fmt.Errorf("write the alert rules: %w", err)
	}
	_, err = std.out.Write(file)
	return err
}
