import { type DataSourcePluginOptionsEditorProps } from '@grafana/data';

import { type TlsRptSecrets, type TlsRptSettings } from '../../types';

/** What Grafana gives the settings page, and it hands on to its parts. */
export type ConfigProps = DataSourcePluginOptionsEditorProps<TlsRptSettings, TlsRptSecrets>;
