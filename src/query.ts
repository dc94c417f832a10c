import {
  ALL_DIMENSIONS,
  DETAIL_DIMENSIONS,
  hasMetric,
  metricsOf,
  type OptionName,
  ruleOf,
  SESSION_DIMENSIONS,
} from './metrics';
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
import { DIMENSIONS, METRICS } from './words';

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
  maxLateness: '7d',
} satisfies Partial<TlsRptQuery>;

/** What happened, for annotations. */
export const EVENTS_QUERY = { queryType: 'events', filters: [] } satisfies Partial<TlsRptQuery>;

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

/** The dimensions that every metric of the query can be grouped by. */
export function groupByDimensions(query: TlsRptQuery): Dimension[] {
  return commonDimensions(query, 'groupBy');
}

function commonDimensions(query: TlsRptQuery, use: 'groupBy' | 'filters'): Dimension[] {
  const [first, ...others] = chosenMetrics(query).map((metric) => ruleOf(metric)[use]);
  return others.reduce((allowed, also) => allowed.filter((d) => also.includes(d)), first ?? ALL_DIMENSIONS);
}

export function filterDimensions(query: TlsRptQuery): Dimension[] {
  switch (query.queryType) {
    case 'failures':
    case 'reports':
    case 'incidents':
    case 'events':
      return ALL_DIMENSIONS;
    case 'status':
    case 'reporters':
    case 'policies':
    case 'readiness':
      return SESSION_DIMENSIONS;
    case 'sources':
    case 'counters':
      return ['source'];
    case 'quarantine':
      return ['source', 'quarantineReason'];
    default:
      return commonDimensions(query, 'filters');
  }
}

/** The options that mean something to the query, in the order shown. */
export function optionsOf(query: TlsRptQuery): OptionName[] {
  const [metric = DEFAULT_QUERY.metric] = chosenMetrics(query);
  switch (query.queryType) {
    case 'trend':
      return ['interval', ...ruleOf(metric).options];
    case 'summary':
      return ruleOf(metric).options;
    case 'failures':
    case 'reports':
      return ['timeField', 'trust', 'maxLateness', 'limit'];
    case 'status':
    case 'incidents':
    case 'events':
      return ['counting', 'trust', 'limit'];
    case 'reporters':
    case 'policies':
    case 'readiness':
      return ['trust', 'limit'];
    case 'quarantine':
      return ['limit'];
    case 'sources':
    case 'counters':
      return [];
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

/** Sets the groups. The domains of a reporter in words go with that reporter, and not with single domains. */
export function withGroupBy(query: TlsRptQuery, groupBy: Dimension[]): TlsRptQuery {
  if (!groupBy.includes('domains')) {
    return { ...query, groupBy };
  }
  const isNew = !query.groupBy?.includes('domains');
  if (isNew) {
    return { ...query, groupBy: ['reporter', 'domains'] };
  }
  const isStillOfReporter = groupBy.includes('reporter') && !groupBy.includes('policyDomain');
  return { ...query, groupBy: isStillOfReporter ? groupBy : groupBy.filter((d) => d !== 'domains') };
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
