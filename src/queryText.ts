import { DEFAULT_QUERY, defaultLimit, OPTION_DEFAULTS, optionsOf, chosenMetrics } from './query';
import { hasMetric, type OptionName } from './metrics';
import { type Dimension, type Filter, type TlsRptQuery } from './types';
import { DIMENSIONS, METRICS, QUERY_TYPES } from './words';

/** How many values of a filter are named before the rest is counted. */
const VALUES_NAMED = 3;

/** Tells a query in words, such as «Failed sessions by domain, of example.com, authenticated only, per day». */
export function queryText(query: TlsRptQuery): string {
  if (!query.queryType) {
    return '';
  }
  // The interval reads best as the last of all.
  const options = [...(optionsOf(query) ?? [])].sort((a, b) => Number(a === 'interval') - Number(b === 'interval'));
  return [subjectOf(query), ...(query.filters ?? []).map(filterText), ...options.map((name) => optionText(query, name))]
    .filter((part) => part !== '')
    .join(', ');
}

function subjectOf(query: TlsRptQuery): string {
  if (!hasMetric(query.queryType)) {
    return QUERY_TYPES[query.queryType]?.label ?? query.queryType;
  }
  const metrics = chosenMetrics(query).map((metric) => METRICS[metric]?.label ?? metric);
  const what = sentence(metrics.length > 0 ? metrics : [METRICS[DEFAULT_QUERY.metric].label]);
  const groups = (query.groupBy ?? []).map(nameOf);
  return groups.length > 0 ? `${what} by ${listed(groups, 'and')}` : what;
}

/** Joins labels to one phrase that begins with a capital. */
function sentence([first, ...others]: string[]): string {
  return listed([first, ...others.map(uncapitalized)], 'and');
}

function nameOf(dimension: Dimension): string {
  if (dimension === 'policyDomain') {
    return 'domain';
  }
  return uncapitalized(DIMENSIONS[dimension]?.label ?? dimension);
}

function filterText({ dimension, operator, values }: Filter): string {
  if (values.length === 0) {
    return '';
  }
  const list = listed(values.length > VALUES_NAMED ? shortened(values) : values, 'or');
  if (dimension === 'policyDomain' && operator === '=') {
    return `of ${list}`;
  }
  const name = nameOf(dimension);
  switch (operator) {
    case '=':
      return `${name} ${list}`;
    case '!=':
      return `not ${name} ${list}`;
    case '=~':
      return `${name} like ${list}`;
    case '!~':
      return `${name} not like ${list}`;
  }
}

function shortened(values: string[]): string[] {
  return [...values.slice(0, VALUES_NAMED - 1), `${values.length - VALUES_NAMED + 1} more`];
}

const INTERVAL_TEXTS: Record<string, string> = { auto: '', '1d': 'per day', '7d': 'per week', '30d': 'per 30 days' };

/** What is left as it is by default is not told. */
function optionText(query: TlsRptQuery, name: OptionName): string {
  switch (name) {
    case 'interval': {
      const { interval = OPTION_DEFAULTS.interval } = query;
      return INTERVAL_TEXTS[interval] ?? `per ${interval}`;
    }
    case 'timeField':
      return isSet(query.timeField, 'period') ? 'by when it was stored' : '';
    case 'counting':
      return isSet(query.counting, 'distinct') ? 'counted as reported' : '';
    case 'trust':
      return trustText(query.trust);
    case 'minSessions':
      return query.minSessions ? `with ${query.minSessions} sessions or more` : '';
    case 'maxLateness':
      return query.maxLateness ? `at most ${query.maxLateness} late` : '';
    case 'baselineDays':
      return `compared with ${query.baselineDays || OPTION_DEFAULTS.baselineDays} days before`;
    case 'limit':
      return query.limit && query.limit !== defaultLimit(query.queryType) ? `at most ${query.limit}` : '';
  }
}

function trustText(trust: string = OPTION_DEFAULTS.trust): string {
  switch (trust) {
    case 'any':
    case '':
      return '';
    case 'authenticated':
      return 'authenticated only';
    default:
      return `trust ${trust}`;
  }
}

function isSet(word: string | undefined, normal: string): boolean {
  return Boolean(word) && word !== normal;
}

function listed(words: string[], last: 'and' | 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words[words.length - 1]}`;
}

/** Makes the first letter small, but for names that are capitals, such as MX. */
function uncapitalized(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
