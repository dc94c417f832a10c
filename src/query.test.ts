import { ALERT_METRICS, DETAIL_DIMENSIONS, metricsOf, ruleOf } from './metrics';
import {
  dimensionProblem,
  filterDimensions,
  groupByDimensions,
  optionsOf,
  withGroupBy,
  withMetrics,
  withQueryType,
} from './query';
import { type QueryType, type TlsRptQuery } from './types';

const FAILED: TlsRptQuery = {
  refId: 'A',
  queryType: 'trend',
  metric: 'failedSessions',
  groupBy: ['policyDomain', 'receivingMx'],
  filters: [
    { dimension: 'resultType', operator: '=', values: ['certificate-expired'] },
    { dimension: 'reporter', operator: '=', values: ['Google'] },
  ],
  limit: 5,
};

describe('the rule for failure details', () => {
  it('offers them for failed sessions', () => {
    expect(groupByDimensions(FAILED)).toEqual(expect.arrayContaining(DETAIL_DIMENSIONS));
  });

  it.each(metricsOf('trend').filter((metric) => metric !== 'failedSessions'))('offers none for %s', (metric) => {
    const query: TlsRptQuery = { ...FAILED, metric };
    expect(groupByDimensions(query).filter((d) => DETAIL_DIMENSIONS.includes(d))).toEqual([]);
    expect(filterDimensions(query).filter((d) => DETAIL_DIMENSIONS.includes(d))).toEqual([]);
  });

  it('drops them from groups and filters when another metric is chosen', () => {
    const query = withMetrics(FAILED, 'failureRate');
    expect(query).toMatchObject({ metric: 'failureRate', groupBy: ['policyDomain'] });
    expect(query.filters?.map(({ dimension }) => dimension)).toEqual(['reporter']);
  });

  it('drops them when one of a table’s metrics has none', () => {
    expect(withMetrics({ ...FAILED, queryType: 'summary' }, ['failedSessions', 'reports']).groupBy).toEqual([
      'policyDomain',
    ]);
  });

  it('says why a query that was written by hand does not fit', () => {
    const query: TlsRptQuery = { ...FAILED, metric: 'failureRate' };
    expect(dimensionProblem(query, query.groupBy ?? [], groupByDimensions(query))).toMatch(
      /^Receiving MX: reports tell this of failed sessions alone/
    );
  });
});

describe('withMetrics', () => {
  it('groups by what the metric knows where it knows none of the groups', () => {
    expect(withMetrics({ ...FAILED, queryType: 'summary' }, 'pollAge').groupBy).toEqual(['source']);
  });

  it('holds either one metric or several', () => {
    const table = withMetrics({ ...FAILED, queryType: 'summary' }, ['reports']);
    expect(table.metric).toBeUndefined();
    expect(withMetrics(table, 'reports').metrics).toBeUndefined();
  });
});

describe('withQueryType', () => {
  it('keeps the metric where the new type has it, and gives the limit back to the default', () => {
    const query = withQueryType(FAILED, 'summary');
    expect(query).toMatchObject({ queryType: 'summary', metric: 'failedSessions', groupBy: FAILED.groupBy });
    expect(query.limit).toBeUndefined();
  });

  it('takes the failure rate where a trend lacks the metric', () => {
    const query = withQueryType({ ...FAILED, queryType: 'summary', metric: 'pollAge', groupBy: ['source'] }, 'trend');
    expect(query).toMatchObject({ metric: 'failureRate', groupBy: ['source'] });
  });

  it('leaves no metric and no groups in a table of rows', () => {
    expect(withQueryType(FAILED, 'quarantine')).toEqual({ refId: 'A', queryType: 'quarantine', filters: [] });
  });
});

describe('withGroupBy', () => {
  const OVERDUE: TlsRptQuery = { refId: 'A', queryType: 'summary', metric: 'overdue', groupBy: ['policyDomain'] };

  it('puts a reporter’s domains beside that reporter', () => {
    expect(withGroupBy(OVERDUE, ['policyDomain', 'domains']).groupBy).toEqual(['reporter', 'domains']);
  });

  it('takes them away with their reporter, and where single domains come in', () => {
    const both: TlsRptQuery = { ...OVERDUE, groupBy: ['reporter', 'domains'] };
    expect(withGroupBy(both, ['domains']).groupBy).toEqual([]);
    expect(withGroupBy(both, ['reporter', 'domains', 'policyDomain']).groupBy).toEqual(['reporter', 'policyDomain']);
  });
});

describe('the metrics for alert rules', () => {
  const all = Object.values(ALERT_METRICS).flat();

  it('are for summaries alone', () => {
    expect(metricsOf('trend').filter((metric) => all.some((m) => m === metric))).toEqual([]);
    expect(metricsOf('summary')).toEqual(expect.arrayContaining(all));
  });

  it.each(all)('%s is cut by no limit and no interval', (metric) => {
    const options = optionsOf({ refId: 'A', queryType: 'summary', metric });
    expect(options).not.toContain('limit');
    expect(options).not.toContain('interval');
  });

  it('can be grouped by failure details only where these are what they count', () => {
    const detailed = all.filter((metric) => ruleOf(metric).groupBy.some((d) => DETAIL_DIMENSIONS.includes(d)));
    expect(detailed).toEqual(ALERT_METRICS['Failures, for alert rules']);
  });
});

describe('the options', () => {
  const cases: Array<[QueryType, string[]]> = [
    ['status', ['counting', 'trust', 'limit']],
    ['incidents', ['counting', 'trust', 'limit']],
    ['events', ['counting', 'trust', 'limit']],
    ['policies', ['trust', 'limit']],
    ['readiness', ['trust', 'limit']],
    ['reporters', ['trust', 'limit']],
    ['quarantine', ['limit']],
    ['sources', []],
    ['counters', []],
  ];
  it.each(cases)('of %s are those that it understands', (queryType, want) => {
    expect(optionsOf({ refId: 'A', queryType })).toEqual(want);
  });

  it('of a trend of completeness are no session options', () => {
    expect(optionsOf({ refId: 'A', queryType: 'trend', metric: 'completeness' })).toEqual([
      'interval',
      'trust',
      'limit',
    ]);
  });
});
