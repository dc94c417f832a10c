import {
  type Counting,
  type Dimension,
  type Interval,
  type Metric,
  type QueryType,
  type TimeField,
  type TlsRptQuery,
  type TrustFilter,
} from './types';

/** Which share of sessions fails, by the domain that mail was for. */
export const DEFAULT_QUERY = {
  queryType: 'trend',
  metric: 'failureRate',
  groupBy: ['policyDomain'],
  filters: [],
} satisfies Partial<TlsRptQuery>;

/** The same as numbers that an alert rule can threshold, by when reports came in. */
export const ALERT_QUERY = {
  ...DEFAULT_QUERY,
  queryType: 'summary',
  timeField: 'stored',
  minSessions: 10,
} satisfies Partial<TlsRptQuery>;

/** What the backend takes for options that a query leaves out. */
export const OPTION_DEFAULTS = {
  interval: 'auto' as Interval,
  timeField: 'period' as TimeField,
  counting: 'distinct' as Counting,
  trust: 'any' as TrustFilter,
  minSessions: 0,
  maxLateness: '',
  baselineDays: 30,
};

export type OptionName = keyof typeof OPTION_DEFAULTS | 'limit';

export function defaultLimit(queryType: QueryType): number {
  switch (queryType) {
    case 'trend':
      return 20;
    case 'summary':
      return 1000;
    default:
      return 500;
  }
}

export function hasMetric(queryType: QueryType): boolean {
  return queryType === 'trend' || queryType === 'summary';
}

const SESSION_DIMENSIONS: Dimension[] = ['policyDomain', 'reporter', 'policyType', 'policyMode', 'trust', 'source'];

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

const METRIC_DIMENSIONS: Partial<Record<Metric, Dimension[]>> = {
  failedSessions: ALL_DIMENSIONS,
  newFailedSessions: ['policyDomain', 'resultType'],
  reportAge: ['policyDomain', 'reporter'],
  pollAge: ['source'],
  quarantined: ['source', 'quarantineReason'],
};

const TREND_METRICS: Metric[] = [
  'failureRate',
  'failedSessions',
  'successfulSessions',
  'totalSessions',
  'protectedShare',
  'reports',
  'reportersFailing',
];

/** Metrics that go together in the columns of one table. */
export const TABLE_METRICS: Metric[] = TREND_METRICS;

export function metricsOf(queryType: QueryType): Metric[] {
  switch (queryType) {
    case 'trend':
      return TREND_METRICS;
    case 'summary':
      return [...TREND_METRICS, 'newFailedSessions', 'reportAge', 'pollAge', 'quarantined'];
    default:
      return [];
  }
}

/** The metrics that a query asks for: one, or the columns of a table. */
export function chosenMetrics(query: TlsRptQuery): Metric[] {
  if (!hasMetric(query.queryType)) {
    return [];
  }
  if (query.queryType === 'summary' && query.metrics?.length) {
    return query.metrics;
  }
  return query.metric ? [query.metric] : [];
}

/** The dimensions that every metric of the query knows. */
export function groupByDimensions(query: TlsRptQuery): Dimension[] {
  return chosenMetrics(query).reduce(
    (allowed, metric) => allowed.filter((d) => dimensionsOfMetric(metric).includes(d)),
    ALL_DIMENSIONS.concat('quarantineReason')
  );
}

function dimensionsOfMetric(metric: Metric): Dimension[] {
  return METRIC_DIMENSIONS[metric] ?? SESSION_DIMENSIONS;
}

export function filterDimensions(query: TlsRptQuery): Dimension[] {
  switch (query.queryType) {
    case 'failures':
    case 'reports':
      return ALL_DIMENSIONS;
    case 'reporters':
      return SESSION_DIMENSIONS;
    case 'sources':
      return ['source'];
    case 'quarantine':
      return ['source', 'quarantineReason'];
    default:
      return groupByDimensions(query);
  }
}

/** The options that mean something to the query, in the order shown. */
export function optionsOf(query: TlsRptQuery): OptionName[] {
  switch (query.queryType) {
    case 'trend':
      return ['interval', 'timeField', 'counting', 'trust', 'minSessions', 'maxLateness', 'limit'];
    case 'summary':
      return summaryOptions(chosenMetrics(query));
    case 'failures':
    case 'reports':
      return ['timeField', 'trust', 'maxLateness', 'limit'];
    case 'reporters':
      return ['trust', 'limit'];
    case 'sources':
    case 'quarantine':
      return ['limit'];
  }
}

function summaryOptions([metric]: Metric[]): OptionName[] {
  switch (metric) {
    case 'reportAge':
      return ['trust'];
    case 'pollAge':
    case 'quarantined':
      return [];
    case 'newFailedSessions':
      return ['timeField', 'counting', 'trust', 'maxLateness', 'baselineDays'];
    default:
      return ['timeField', 'counting', 'trust', 'minSessions', 'maxLateness', 'limit'];
  }
}

export function withQueryType(query: TlsRptQuery, queryType: QueryType): TlsRptQuery {
  // A limit was meant for the old type's series or rows, so it goes back to the default.
  const { metric, metrics, groupBy, limit: _limit, ...rest } = query;
  if (!hasMetric(queryType)) {
    return withoutWrongFilters({ ...rest, queryType });
  }
  const candidates = metric ? [metric] : (metrics ?? []);
  const kept = candidates.find((m) => metricsOf(queryType).includes(m)) ?? DEFAULT_QUERY.metric;
  return withMetrics({ ...rest, groupBy: groupBy ?? DEFAULT_QUERY.groupBy, queryType }, kept);
}

/** Sets the one metric, or a table's columns, and drops the groups that they do not know. */
export function withMetrics(query: TlsRptQuery, metrics: Metric | Metric[]): TlsRptQuery {
  const { metric: _metric, metrics: _metrics, ...rest } = query;
  const next: TlsRptQuery = { ...rest, ...(Array.isArray(metrics) ? { metrics } : { metric: metrics }) };
  const allowed = groupByDimensions(next);
  const groupBy = (query.groupBy ?? []).filter((d) => allowed.includes(d));
  // A metric that does not know any of the groups starts with the first that it knows.
  const isEmptied = groupBy.length === 0 && Boolean(query.groupBy?.length) && allowed.length > 0;
  return withoutWrongFilters({ ...next, groupBy: isEmptied ? [allowed[0]] : groupBy });
}

function withoutWrongFilters(query: TlsRptQuery): TlsRptQuery {
  const allowed = filterDimensions(query);
  return { ...query, filters: (query.filters ?? []).filter(({ dimension }) => allowed.includes(dimension)) };
}

/** Says why groups or filters can't go with the metric; null when they can. */
export function dimensionProblem(query: TlsRptQuery, dimensions: Dimension[], allowed: Dimension[]): string | null {
  // What a variable stands for is not known here.
  const wrong = dimensions.filter((d) => !allowed.includes(d) && !d.startsWith('$'));
  if (wrong.length === 0) {
    return null;
  }
  const names = wrong.map((d) => DIMENSIONS[d]?.label ?? d).join(', ');
  if (hasMetric(query.queryType) && wrong.every((d) => DETAIL_DIMENSIONS.includes(d))) {
    return `${names}: reports tell this of failed sessions alone. Choose the metric “${METRICS.failedSessions.label}”, or remove it.`;
  }
  return `${names}: not known for this query. Remove it.`;
}

interface Words {
  label: string;
  description: string;
}

export const QUERY_TYPES: Record<QueryType, Words> = {
  trend: { label: 'Trend', description: 'A number over time, one line per group' },
  summary: {
    label: 'Summary',
    description: 'A number over the whole time range per group, for alerts, bars and tables',
  },
  failures: { label: 'Failures', description: 'What failed, where and why, with what to do about it' },
  reports: { label: 'Reports', description: 'The reports received, with how far each can be trusted' },
  reporters: { label: 'Reporters', description: 'Who reports on which domain, and since when' },
  sources: { label: 'Sources', description: 'How the mailboxes and drops are doing' },
  quarantine: { label: 'Quarantine', description: 'What was received and could not be used, and why' },
};

export const METRICS: Record<Metric, Words> = {
  failureRate: { label: 'Failure rate', description: 'The share of sessions that failed, 0 to 100%' },
  failedSessions: { label: 'Failed sessions', description: 'Connections to your servers where TLS failed' },
  successfulSessions: {
    label: 'Successful sessions',
    description: 'Connections where TLS worked as your policy wants',
  },
  totalSessions: { label: 'All sessions', description: 'Successful and failed connections together' },
  protectedShare: { label: 'Protected share', description: 'The share of sessions under an MTA-STS or DANE policy' },
  reports: { label: 'Reports', description: 'How many reports came, counted once per policy domain' },
  reportersFailing: { label: 'Reporters with failures', description: 'How many senders saw at least one failure' },
  newFailedSessions: {
    label: 'New kinds of failure',
    description: 'Failed sessions of result types that the domain did not have before',
  },
  reportAge: { label: 'Age of the last report', description: 'Seconds since the last report was stored' },
  pollAge: { label: 'Age of the last poll', description: 'Seconds since a source was last read successfully' },
  quarantined: { label: 'Quarantined', description: 'What arrived in the time range and could not be used' },
};

export const DIMENSIONS: Record<Dimension, Words> = {
  policyDomain: { label: 'Policy domain', description: 'The domain that mail was for' },
  reporter: { label: 'Reporter', description: 'The sender of mail who wrote the report, such as Google' },
  policyType: { label: 'Policy type', description: 'sts (MTA-STS), tlsa (DANE) or no-policy-found' },
  policyMode: { label: 'Policy mode', description: 'The mode of an MTA-STS policy: enforce, testing or none' },
  trust: { label: 'Trust', description: 'Whether the report is known to come from its reporter' },
  source: { label: 'Source', description: 'The mailbox or drop that brought the report' },
  resultType: { label: 'Result type', description: 'The kind of failure, such as certificate-expired' },
  reasonCode: { label: 'Reason', description: 'What the sender adds to the result type' },
  receivingMx: { label: 'Receiving MX', description: 'Your mail server where it failed' },
  receivingIp: { label: 'Receiving IP', description: 'The address of your mail server' },
  sendingMtaIp: { label: 'Sending IP', description: 'The address of the sending mail server' },
  sendingNetwork: { label: 'Sending network', description: 'The /24 or /48 that the sending server is in' },
  quarantineReason: { label: 'Quarantine reason', description: 'Why a document could not be used' },
};

export const INTERVALS: Record<Interval, Words> = {
  auto: { label: 'Auto', description: 'The smallest that fits the width of the panel' },
  '1d': { label: '1 day', description: 'Days in UTC' },
  '7d': { label: '7 days', description: 'Weeks from Monday, UTC' },
  '30d': { label: '30 days', description: 'Blocks of 30 days' },
};

export const TIME_FIELDS: Record<TimeField, Words> = {
  period: { label: 'When it happened', description: 'The day that the report is about' },
  stored: { label: 'When it was stored', description: 'The hour when the report came in. Alert rules want this' },
};

export const COUNTINGS: Record<Counting, Words> = {
  distinct: { label: 'Each session once', description: 'Takes away what a report says twice, under MTA-STS and DANE' },
  reported: { label: 'As reported', description: 'Adds up every policy of every report' },
};

export const TRUSTS: Record<TrustFilter, Words> = {
  any: { label: 'All reports', description: 'Whoever sent them' },
  authenticated: { label: 'Authenticated only', description: 'Only reports whose sender is proven' },
};
