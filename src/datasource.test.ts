import { CoreApp, dateTime } from '@grafana/data';

import { testDataSource } from './test/datasource';
import { type TlsRptQuery } from './types';

const QUERY: TlsRptQuery = {
  refId: 'A',
  queryType: 'trend',
  metric: 'failedSessions',
  groupBy: ['policyDomain'],
  filters: [
    { dimension: 'policyDomain', operator: '=', values: ['$domains'] },
    { dimension: 'reporter', operator: '!=', values: ['$reporter'] },
  ],
};

const VARIABLES = {
  domains: { value: ['example.com', 'example.org'], multi: true },
  reporter: { value: ['Google', 'Microsoft'], text: 'All', multi: true },
};

describe('TlsRptDataSource', () => {
  it('fills variables into filters and leaves the rest of the query alone', () => {
    const { datasource } = testDataSource(VARIABLES);
    expect(datasource.applyTemplateVariables(QUERY, {})).toEqual({
      ...QUERY,
      filters: [{ dimension: 'policyDomain', operator: '=', values: ['example.com', 'example.org'] }],
    });
  });

  it('fills variables into groups and words', () => {
    const { datasource } = testDataSource({
      groups: { value: ['reporter', 'trust'], multi: true },
      trust: { value: 'authenticated' },
    });
    const query = { ...QUERY, groupBy: ['policyDomain', '$groups'], trust: '$trust' } as unknown as TlsRptQuery;
    expect(datasource.applyTemplateVariables(query, {})).toMatchObject({
      groupBy: ['policyDomain', 'reporter', 'trust'],
      trust: 'authenticated',
    });
  });

  it('takes a query without filters', () => {
    const { datasource } = testDataSource();
    expect(datasource.applyTemplateVariables({ refId: 'A', queryType: 'reports' }, {}).filters).toEqual([]);
  });

  it('starts with the failure rate by domain', () => {
    expect(testDataSource().datasource.getDefaultQuery(CoreApp.Dashboard)).toEqual({
      queryType: 'trend',
      metric: 'failureRate',
      groupBy: ['policyDomain'],
      filters: [],
    });
  });

  it('starts alert rules with numbers by the time stored', () => {
    const query = testDataSource().datasource.getDefaultQuery(CoreApp.UnifiedAlerting);
    expect(query).toMatchObject({ queryType: 'summary', metric: 'failureRate', timeField: 'stored' });
  });

  const filterCases: Array<[string, Partial<TlsRptQuery>, boolean]> = [
    ['runs a trend with a metric', { queryType: 'trend', metric: 'reports' }, true],
    ['runs a table with several metrics', { queryType: 'summary', metrics: ['reports', 'failureRate'] }, true],
    ['runs a query type that needs no metric', { queryType: 'sources' }, true],
    ['does not run a summary whose metrics were all removed', { queryType: 'summary', metrics: [] }, false],
    ['does not run a query without a type', {}, false],
  ];
  it.each(filterCases)('%s', (_, query, want) => {
    expect(testDataSource().datasource.filterQuery({ refId: 'A', ...query } as TlsRptQuery)).toBe(want);
  });

  it('asks for the values of a dimension within the range and beside the other filters', async () => {
    const { datasource, getResource } = testDataSource(VARIABLES);
    const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
    await datasource.getDimensionValues('receivingMx', { filters: QUERY.filters, range, search: 'mx', limit: 5 });
    expect(getResource).toHaveBeenCalledWith('dimensions/receivingMx', {
      filters: '[{"dimension":"policyDomain","operator":"=","values":["example.com","example.org"]}]',
      from: 1000,
      to: 2000,
      search: 'mx',
      limit: 5,
    });
  });
});
