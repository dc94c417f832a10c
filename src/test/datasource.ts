import { type DataSourceInstanceSettings, PluginType } from '@grafana/data';

import { TlsRptDataSource } from '../datasource';
import { type DimensionAnswer, type TlsRptSettings } from '../types';
import { fakeTemplateSrv, type FakeVariable } from './templateSrv';

/** A data source whose backend answers each question for a dimension's values alike. */
export function testDataSource(variables: Record<string, FakeVariable> = {}, answer?: DimensionAnswer) {
  const settings = {
    id: 1,
    uid: 'tlsrpt',
    type: 'tlsrpt-reports-datasource',
    name: 'TLS-RPT',
    access: 'proxy',
    readOnly: false,
    jsonData: {},
    meta: { id: 'tlsrpt-reports-datasource', type: PluginType.datasource },
  } as unknown as DataSourceInstanceSettings<TlsRptSettings>;
  const datasource = new TlsRptDataSource(settings, fakeTemplateSrv(variables));
  const getResource = jest
    .spyOn(datasource, 'getResource')
    .mockResolvedValue(answer ?? { values: [{ value: 'example.com', text: 'example.com' }], more: false });
  return { datasource, getResource };
}
