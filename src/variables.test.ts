import { type DataQueryRequest, dateTime } from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { testDataSource } from './test/datasource';
import { type TlsRptVariableQuery } from './types';
import { TlsRptVariables } from './variables';

function request(target: Partial<TlsRptVariableQuery>): DataQueryRequest<TlsRptVariableQuery> {
  return {
    targets: [{ refId: 'variable', ...target }],
    range: { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } },
    scopedVars: {},
  } as unknown as DataQueryRequest<TlsRptVariableQuery>;
}

describe('TlsRptVariables', () => {
  it('gives the values of a dimension with their texts', async () => {
    const values = [{ value: 'xn--bcher-kva.example', text: 'bücher.example' }];
    const { datasource } = testDataSource({}, { values, more: false });
    const { data } = await lastValueFrom(new TlsRptVariables(datasource).query(request({ dimension: 'policyDomain' })));
    expect(data).toEqual(values);
  });

  it('asks with the filters, in which other variables are filled in', async () => {
    const { datasource, getResource } = testDataSource({ domain: { value: 'example.com' } });
    const filters = [{ dimension: 'policyDomain' as const, operator: '=' as const, values: ['$domain'] }];
    await lastValueFrom(new TlsRptVariables(datasource).query(request({ dimension: 'receivingMx', filters })));
    expect(getResource).toHaveBeenCalledWith(
      'dimensions/receivingMx',
      expect.objectContaining({ filters: JSON.stringify([{ ...filters[0], values: ['example.com'] }]), from: 1000 })
    );
  });

  it('lists domains where nothing was chosen yet', async () => {
    const { datasource, getResource } = testDataSource();
    await lastValueFrom(new TlsRptVariables(datasource).query(request({})));
    expect(getResource).toHaveBeenCalledWith('dimensions/policyDomain', expect.anything());
  });
});
