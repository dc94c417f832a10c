import { CoreApp, dateTime, type TimeRange } from '@grafana/data';

import { ALERT_QUERY, DEFAULT_QUERY } from '../../query';
import { type TlsRptQuery } from '../../types';
import { hintFor } from './hints';

const TREND: TlsRptQuery = { refId: 'A', ...DEFAULT_QUERY };
const ALERT: TlsRptQuery = { refId: 'A', ...ALERT_QUERY };

function hours(length: number): TimeRange {
  const [from, to] = [dateTime(0), dateTime(length * 3_600_000)];
  return { from, to, raw: { from, to } };
}

describe('the hint', () => {
  const cases: Array<[string, TlsRptQuery, CoreApp, number, RegExp | undefined]> = [
    ['says why an hour in Explore shows nothing', TREND, CoreApp.Explore, 1, /longer time range/],
    ['says nothing of a month', TREND, CoreApp.Explore, 720, undefined],
    ['knows that sources are there at any time', { ...TREND, queryType: 'sources' }, CoreApp.Explore, 1, undefined],
    ['says where events go', { ...TREND, queryType: 'events' }, CoreApp.Dashboard, 720, /Annotations/],
    [
      'says that nothing is ready without a policy',
      { ...TREND, queryType: 'readiness' },
      CoreApp.Explore,
      1,
      /testing/,
    ],
    [
      'says what a metric for alert rules is',
      { ...TREND, queryType: 'summary', metric: 'overdue' },
      CoreApp.Explore,
      1,
      /^Tells how things stand/,
    ],
    ['wants a number for an alert', TREND, CoreApp.UnifiedAlerting, 36, /“Summary” as “One number”/],
    [
      'wants the time stored for an alert',
      { ...ALERT, timeField: 'period' },
      CoreApp.UnifiedAlerting,
      36,
      /When it was stored/,
    ],
    ['wants a day or more for an alert', ALERT, CoreApp.UnifiedAlerting, 1, /now-36h/],
    ['says nothing of an alert that works', ALERT, CoreApp.UnifiedAlerting, 36, undefined],
  ];
  it.each(cases)('%s', (_, query, app, length, want) => {
    const hint = hintFor(query, app, hours(length));
    if (want) {
      expect(hint).toMatch(want);
    } else {
      expect(hint).toBeUndefined();
    }
  });
});
