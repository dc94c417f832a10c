package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
)

// DataDirVariable is what Grafana makes of data_dir under
// [plugin.tlsrpt-reports-datasource] in grafana.ini.
const DataDirVariable = "GF_PLUGIN_DATA_DIR"

const dataDirAdvice = "set data_dir under [plugin." + ID + "] in grafana.ini to a folder that Grafana may write to"

// dataDir is where stores lie: the server operator's choice, never a Grafana
// user's. Without one it is the folder "tlsrpt" beside the folder "plugins"
// that holds this plugin, never inside a plugin's folder, since a file there
// breaks its signature. Empty means memory.
func dataDir(configured, executable string) string {
	if configured != "" {
		return configured
	}
	plugins := filepath.Dir(filepath.Dir(executable))
	if filepath.Base(plugins) != "plugins" {
		return ""
	}
	return filepath.Join(filepath.Dir(plugins), "tlsrpt")
}

// OpenStore opens the file of a data source, or where that can't be, a store
// in memory with a warning that says why and what to do.
func OpenStore(ctx context.Context, key ingest.Key) (store.Store, string, error) {
	executable, _ := os.Executable() // without it there is no default folder
	return openStore(ctx, dataDir(os.Getenv(DataDirVariable), executable), key)
}

func openStore(ctx context.Context, dir string, key ingest.Key) (store.Store, string, error) {
	why := "there is no data folder"
	if dir != "" {
		file := filepath.Join(dir, fileName(key.OrgID, key.UID))
		opened, err := sqlite.Open(ctx, file)
		if err == nil {
			return opened, "", nil
		}
		why = fmt.Sprintf("the data folder can't be used (%v)", err)
	}
	memory, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return nil, "", err
	}
	return memory, "Reports are kept in memory and are lost when the plugin stops, because " + why +
		"; nothing on the servers is changed. To keep them, " + dataDirAdvice + ", then restart Grafana.", nil
}
