import { type AlertRule, compareRules, type PresentRule, replaced, type RuleGroup, withMissing } from './alertRules';

const RATE: AlertRule = {
  uid: 'tlsrpt-failure-rate',
  title: 'TLS failure rate',
  folderUID: 'tlsrpt',
  ruleGroup: 'TLS-RPT',
  condition: 'fires',
  noDataState: 'OK',
  execErrState: 'KeepLast',
  for: '5m0s',
  isPaused: false,
  labels: { severity: 'warning' },
  annotations: { summary: 'It fails' },
  data: [
    {
      refId: 'rate',
      datasourceUid: 'tlsrpt',
      relativeTimeRange: { from: 129600, to: 0 },
      model: { refId: 'rate', queryType: 'summary', groupBy: ['policyDomain'] },
    },
  ],
};
const SILENT: AlertRule = { ...RATE, uid: 'tlsrpt-domain-silent', title: 'No reports' };
const GROUP: RuleGroup = { title: 'TLS-RPT', folderUid: 'tlsrpt', interval: 300, rules: [RATE, SILENT] };

/** A rule as Grafana gives it back. */
const stored = (part: Partial<PresentRule> = {}): PresentRule => ({
  ...RATE,
  for: '5m',
  data: [{ ...RATE.data[0], model: { ...RATE.data[0].model, intervalMs: 1000, maxDataPoints: 43200 } }],
  ...part,
});

function kindOf(part: Partial<PresentRule>): string | undefined {
  const comparison = compareRules([RATE], [stored(part)]);
  return Object.entries(comparison).find(([, rules]) => rules.length > 0)?.[0];
}

describe('compareRules', () => {
  it('finds what is missing', () => {
    expect(compareRules([RATE, SILENT], [stored()])).toMatchObject({ missing: [SILENT], same: [{ uid: RATE.uid }] });
  });

  const cases: Array<[string, Partial<PresentRule>, string]> = [
    ['takes what Grafana adds for the same', {}, 'same'],
    ['takes a pause for people’s own matter', { isPaused: true }, 'same'],
    ['takes more labels for people’s own matter', { labels: { severity: 'warning', team: 'mail' } }, 'same'],
    ['takes another place for people’s own matter', { folderUID: 'mine', ruleGroup: 'Mail' }, 'same'],
    ['sees another severity', { labels: { severity: 'critical' } }, 'different'],
    ['sees another title', { title: 'Ours' }, 'different'],
    ['sees another time until it fires', { for: '1h' }, 'different'],
    ['sees another text', { annotations: {} }, 'different'],
    ['sees another range', { data: [{ ...RATE.data[0], relativeTimeRange: { from: 3600, to: 0 } }] }, 'different'],
    ['sees another query', { data: [{ ...RATE.data[0], model: { groupBy: [] } }] }, 'different'],
    ['sees a query more', { data: [...RATE.data, ...RATE.data] }, 'different'],
    ['leaves alone what comes from a file', { title: 'Ours', provenance: 'file' }, 'fromFile'],
    ['can change what the API has made', { provenance: 'api' }, 'same'],
  ];
  it.each(cases)('%s', (_, part, want) => {
    expect(kindOf(part)).toBe(want);
  });
});

describe('writing', () => {
  it('adds to a group what it lacks, and keeps what people have put there', () => {
    const own = { ...RATE, uid: 'own' };
    const there = { ...GROUP, interval: 60, rules: [own, stored()] };
    expect(withMissing(GROUP, [SILENT], there)).toEqual({ ...there, rules: [own, stored(), SILENT] });
  });

  it('makes a group that is not there', () => {
    expect(withMissing(GROUP, [RATE, SILENT], undefined)).toEqual(GROUP);
  });

  it('replaces a rule where it is, and keeps what people have added to it', () => {
    const there = stored({ title: 'Ours', folderUID: 'mine', isPaused: true, labels: { severity: 'x', team: 'mail' } });
    expect(replaced(RATE, there)).toMatchObject({
      title: RATE.title,
      folderUID: 'mine',
      isPaused: true,
      labels: { severity: 'warning', team: 'mail' },
    });
  });
});
