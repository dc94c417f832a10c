import { CoreApp, type TimeRange } from '@grafana/data';

import { isAlertMetric } from '../../metrics';
import { chosenMetrics } from '../../query';
import { type QueryType, type TlsRptQuery } from '../../types';

const HOUR = 3_600_000;

/** Reports are about days that have ended: a shorter range mostly holds none, in milliseconds. */
const SHORTEST_RANGE = 48 * HOUR;

/** So long that a report a day is in it at each evaluation of a rule, and that of the day before not. */
const ALERT_RANGE = 24 * HOUR;

const ABOUT_TYPES: Partial<Record<QueryType, string>> = {
  status: 'As of the end of the time range. Where nothing is wrong, one row says so.',
  incidents: 'First days may lie before the time range: what failed is followed back for 90 days.',
  policies: 'What senders hold may be older than what you publish: they keep a policy for its max_age.',
  readiness:
    'Looks at four weeks at least. A domain without an MTA-STS policy is never “go”: publish one with the mode testing first.',
  reporters: 'Each reporter is measured by its own habit. What we did not fetch is not held against it.',
  counters:
    'As of now, whatever the time range, and since the plugin started. With a Prometheus, ask that instead: it keeps how the numbers went.',
  events: 'Made for annotations: in a dashboard’s settings, under Annotations, choose this data source.',
};

/** Says what a beginner would stop at, or nothing. */
export function hintFor(query: TlsRptQuery, app?: CoreApp | string, range?: TimeRange): string | undefined {
  const length = range ? range.to.valueOf() - range.from.valueOf() : Infinity;
  if (app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting) {
    return alertHint(query, length);
  }
  if (isByDay(query) && length < SHORTEST_RANGE) {
    return 'Reports are about whole days and come after these have ended. Nothing to see? Choose a longer time range, such as the last 30 days.';
  }
  if (chosenMetrics(query).some(isAlertMetric)) {
    return 'Tells how things stand at the end of the time range. Made for alert rules, as a number for a threshold.';
  }
  return ABOUT_TYPES[query.queryType];
}

function alertHint(query: TlsRptQuery, length: number): string | undefined {
  if (query.queryType !== 'summary' || query.metrics) {
    return 'An alert rule wants a number per group: choose “Summary” as “One number”.';
  }
  if (isByDay(query)) {
    return 'Reports come a day late: with the option “Time: When it was stored” none is missed.';
  }
  if (length < ALERT_RANGE) {
    return 'Most reporters send one report a day: open “Options” beside the data source and let the time range begin at now-36h.';
  }
  return undefined;
}

/** Says whether the query looks at the days that reports are about. */
function isByDay(query: TlsRptQuery): boolean {
  if (query.timeField === 'stored' || chosenMetrics(query).some(isAlertMetric)) {
    return false;
  }
  return ['trend', 'summary', 'failures', 'reports'].includes(query.queryType);
}
