import { type AlertMetric, type Dimension, type Metric, type QueryType } from './types';

/** Those that every report knows. */
export const SESSION_DIMENSIONS: Dimension[] = [
  'policyDomain',
  'reporter',
  'policyType',
  'policyMode',
  'trust',
  'source',
];

/** Those that only failure details know. */
export const DETAIL_DIMENSIONS: Dimension[] = [
  'resultType',
  'reasonCode',
  'receivingMx',
  'receivingIp',
  'sendingMtaIp',
  'sendingNetwork',
];

/** Every dimension that a variable can list. */
export const ALL_DIMENSIONS: Dimension[] = [...SESSION_DIMENSIONS, ...DETAIL_DIMENSIONS];

export type OptionName =
  'interval' | 'timeField' | 'counting' | 'trust' | 'minSessions' | 'maxLateness' | 'baselineDays' | 'limit';

/** What goes with a metric in a summary. */
interface MetricRule {
  groupBy: Dimension[];
  filters: Dimension[];
  options: OptionName[];
}

const sessions: MetricRule = {
  groupBy: SESSION_DIMENSIONS,
  filters: SESSION_DIMENSIONS,
  options: ['timeField', 'counting', 'trust', 'minSessions', 'maxLateness', 'limit'],
};

/** How things stand with a domain, whatever the range. */
const domain: MetricRule = { groupBy: ['policyDomain'], filters: SESSION_DIMENSIONS, options: ['trust'] };

/** What reporters tell of a kind of failure. */
const failure: MetricRule = {
  groupBy: ['policyDomain', 'resultType'],
  filters: ALL_DIMENSIONS,
  options: ['timeField', 'trust', 'maxLateness'],
};

const failureAtMx: MetricRule = { ...failure, groupBy: ['policyDomain', 'resultType', 'receivingMx'] };

const source: MetricRule = { groupBy: ['source'], filters: ['source'], options: [] };

const METRIC_RULES: Record<Metric, MetricRule> = {
  failureRate: sessions,
  failedSessions: { ...sessions, groupBy: ALL_DIMENSIONS, filters: ALL_DIMENSIONS },
  successfulSessions: sessions,
  totalSessions: sessions,
  protectedShare: sessions,
  reports: sessions,
  reportersFailing: sessions,
  completeness: { groupBy: ['policyDomain'], filters: SESSION_DIMENSIONS, options: ['trust', 'limit'] },
  newFailedSessions: { ...failure, options: ['timeField', 'counting', 'trust', 'maxLateness', 'baselineDays'] },
  daneFailedSessions: { ...failure, options: ['timeField', 'counting', 'trust', 'maxLateness'] },
  cleanReports: failure,
  detailReporters: failureAtMx,
  detailSightings: failureAtMx,
  detailRepeats: failureAtMx,
  mxFailureShare: failureAtMx,
  lastFailing: failure,
  nextReport: failure,
  historyDays: domain,
  enforced: domain,
  protectionLost: { ...domain, options: ['timeField', 'trust', 'maxLateness'] },
  modeDropped: { ...domain, options: ['trust', 'baselineDays'] },
  silentDays: domain,
  overdue: {
    groupBy: ['policyDomain', 'reporter', 'domains'],
    filters: ['policyDomain', 'reporter'],
    options: ['trust'],
  },
  reportAge: { groupBy: ['policyDomain', 'reporter'], filters: ['policyDomain', 'reporter'], options: ['trust'] },
  pollAge: source,
  pollsMissed: source,
  arrivals: source,
  quarantined: { groupBy: ['source', 'quarantineReason'], filters: ['source', 'quarantineReason'], options: [] },
};

export function ruleOf(metric: Metric): MetricRule {
  // A query that was written by hand may hold any word.
  return METRIC_RULES[metric] ?? sessions;
}

/** Metrics that go together in the columns of one table. */
export const TABLE_METRICS: Metric[] = [
  'failureRate',
  'failedSessions',
  'successfulSessions',
  'totalSessions',
  'protectedShare',
  'reports',
  'reportersFailing',
];

const TREND_METRICS: Metric[] = [...TABLE_METRICS, 'completeness'];

/** In the order in which they are offered, under what they are about. */
export const ALERT_METRICS: Record<string, AlertMetric[]> = {
  'Failures, for alert rules': [
    'newFailedSessions',
    'daneFailedSessions',
    'cleanReports',
    'detailReporters',
    'detailSightings',
    'detailRepeats',
    'mxFailureShare',
    'lastFailing',
    'nextReport',
  ],
  'Domains, for alert rules': ['enforced', 'protectionLost', 'modeDropped', 'historyDays', 'silentDays'],
  'Reporters, for alert rules': ['overdue', 'reportAge'],
  'Sources, for alert rules': ['pollAge', 'pollsMissed', 'arrivals', 'quarantined'],
};

export function isAlertMetric(metric: Metric): metric is AlertMetric {
  return !TREND_METRICS.includes(metric);
}

export function metricsOf(queryType: QueryType): Metric[] {
  switch (queryType) {
    case 'trend':
      return TREND_METRICS;
    case 'summary':
      return [...TREND_METRICS, ...Object.values(ALERT_METRICS).flat()];
    default:
      return [];
  }
}

export function hasMetric(queryType: QueryType): boolean {
  return queryType === 'trend' || queryType === 'summary';
}
