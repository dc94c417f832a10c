import { queryText } from './queryText';
import { type TlsRptQuery } from './types';

describe('queryText', () => {
  const cases: Array<[string, Partial<TlsRptQuery>]> = [
    [
      'Failed sessions by domain, of example.com, authenticated only, per day',
      {
        queryType: 'trend',
        metric: 'failedSessions',
        groupBy: ['policyDomain'],
        filters: [{ dimension: 'policyDomain', operator: '=', values: ['example.com'] }],
        trust: 'authenticated',
        interval: '1d',
      },
    ],
    ['Failure rate', { queryType: 'trend', metric: 'failureRate' }],
    [
      'Failed sessions, reports and protected share by reporter and receiving MX',
      {
        queryType: 'summary',
        metrics: ['failedSessions', 'reports', 'protectedShare'],
        groupBy: ['reporter', 'receivingMx'],
      },
    ],
    [
      'New kinds of failure by domain and result type, by when it was stored, at most 7d late, compared with 30 days before',
      {
        queryType: 'summary',
        metric: 'newFailedSessions',
        groupBy: ['policyDomain', 'resultType'],
        timeField: 'stored',
        maxLateness: '7d',
      },
    ],
    [
      'Incidents, of $domain, not reporter Google, at most 50',
      {
        queryType: 'incidents',
        filters: [
          { dimension: 'policyDomain', operator: '=', values: ['$domain'] },
          { dimension: 'reporter', operator: '!=', values: ['Google'] },
          { dimension: 'trust', operator: '=', values: [] },
        ],
        limit: 50,
      },
    ],
    [
      'Failures, result type like ^certificate-, receiving MX a, b or 3 more',
      {
        queryType: 'failures',
        filters: [
          { dimension: 'resultType', operator: '=~', values: ['^certificate-'] },
          { dimension: 'receivingMx', operator: '=', values: ['a', 'b', 'c', 'd', 'e'] },
        ],
      },
    ],
    // Options that do nothing to the query are not told.
    ['Sources', { queryType: 'sources', trust: 'authenticated', counting: 'reported' }],
    ['', {}],
  ];
  it.each(cases)('says “%s”', (want, query) => {
    expect(queryText({ refId: 'A', ...query } as TlsRptQuery)).toBe(want);
  });

  it('keeps words that it does not know, as variables are', () => {
    const query = { refId: 'A', queryType: 'trend', metric: '$metric', groupBy: ['$by'], trust: '$trust' };
    expect(queryText(query as unknown as TlsRptQuery)).toBe('$metric by $by, trust $trust');
  });
});
