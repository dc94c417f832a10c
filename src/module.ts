import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor/ConfigEditor';
import { QueryEditor } from './components/QueryEditor/QueryEditor';
import { TlsRptDataSource } from './datasource';
import { type TlsRptQuery, type TlsRptSecrets, type TlsRptSettings } from './types';

export const plugin = new DataSourcePlugin<TlsRptDataSource, TlsRptQuery, TlsRptSettings, TlsRptSecrets>(
  TlsRptDataSource
)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
