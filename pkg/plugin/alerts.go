package plugin

import (
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/alertrules"
)

// getAlerts sends the alert rules for this data source in the form of Grafana's
// provisioning API. They are no secret: the browser of whoever may make rules
// there posts them, with that user's own rights.
func (d *Datasource) getAlerts(w http.ResponseWriter, r *http.Request) {
	context := backend.PluginConfigFromContext(r.Context())
	if context.User == nil {
		reply(w, http.StatusUnauthorized, message("This needs a signed-in user."))
		return
	}
	//lint:ignore SA1019 the provisioning API names organisations by their id
	rules, err := alertrules.Target{DatasourceUID: d.key.UID, Org: context.OrgID}.Provisioning()
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, rules)
}
