import {
  type Counting,
  type Dimension,
  type Interval,
  type Metric,
  type QueryType,
  type TimeField,
  type TrustFilter,
} from './types';

/** What a person reads for a word of the query model. */
export interface Word {
  label: string;
  description: string;
}

export const QUERY_TYPES: Record<QueryType, Word> = {
  status: { label: 'Status', description: 'Is all well? In sentences, worst first' },
  incidents: {
    label: 'Incidents',
    description: 'What is failing: since when, seen by whom, where, why, and what to do',
  },
  trend: { label: 'Trend', description: 'A number over time, one line per group' },
  summary: {
    label: 'Summary',
    description: 'A number over the whole time range per group, for alerts, bars and tables',
  },
  failures: { label: 'Failures', description: 'Each failure as reported, with its meaning and what to do about it' },
  reports: { label: 'Reports', description: 'The reports received, with how far each can be trusted' },
  reporters: { label: 'Reporters', description: 'Who reports on which domain, how often, and who has fallen silent' },
  policies: { label: 'Policies', description: 'Your MTA-STS and DANE policies as senders saw them, and since when' },
  readiness: {
    label: 'Readiness',
    description: 'May a domain’s MTA-STS policy go to enforce: go, wait or no, and why',
  },
  sources: { label: 'Sources', description: 'How the mailboxes and drops are doing' },
  counters: {
    label: 'Counters',
    description: 'What the plugin itself has done since it started: times, sizes, and what it survived',
  },
  quarantine: { label: 'Quarantine', description: 'What was received and could not be used, and why' },
  events: {
    label: 'Events',
    description: 'For annotations: policy changes, first failures of a kind, new reporters, incidents',
  },
};

export const METRICS: Record<Metric, Word> = {
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
  completeness: {
    label: 'Completeness',
    description: 'The share of the reporters expected that were heard, 0 to 100%',
  },
  newFailedSessions: {
    label: 'New kinds of failure',
    description: 'Failed sessions of result types that the domain did not have before',
  },
  daneFailedSessions: {
    label: 'DANE failures',
    description: 'Sessions that failed by TLSA records or DNSSEC, or under DANE, cut connections left out',
  },
  cleanReports: {
    label: 'Clean reports since',
    description: 'Later reports without the failure, by reporters that saw it',
  },
  historyDays: { label: 'Days of history', description: 'Days since the domain’s first report' },
  enforced: {
    label: 'Enforced',
    description: '1 where senders refuse to deliver without TLS (enforce, or DANE), else 0',
  },
  detailReporters: { label: 'Reporters of a failure', description: 'How many reporters tell of it' },
  detailSightings: { label: 'Sightings of a failure', description: 'On how many days, added up over its reporters' },
  detailRepeats: {
    label: 'Repeats of a failure',
    description: 'By how many reporters on one day, or on how many days by one',
  },
  mxFailureShare: {
    label: 'Failure share of an MX',
    description: 'What failed there, of all sessions of the reporters that name it, 0 to 100%',
  },
  lastFailing: { label: 'Last failing period', description: 'When it ended, in seconds since 1970' },
  nextReport: {
    label: 'Next report at the earliest',
    description: 'Before when no report can tell that a failure is over, in seconds since 1970',
  },
  overdue: { label: 'Reports overdue', description: 'How many of its usual reports a reporter has missed' },
  silentDays: {
    label: 'Days of silence',
    description: 'Days since the last report, where all its reporters are overdue',
  },
  reportAge: { label: 'Age of the last report', description: 'Seconds since the last report was stored' },
  pollAge: { label: 'Age of the last poll', description: 'Seconds since a source was last read successfully' },
  pollsMissed: { label: 'Polls missed', description: 'How many polls of a source were due since its last success' },
  arrivals: { label: 'Arrivals', description: 'Documents that came in the time range, whatever became of them' },
  quarantined: { label: 'Quarantined', description: 'What arrived in the time range and could not be used' },
  protectionLost: {
    label: 'Protection lost',
    description: 'The share of sessions without any policy, on a domain that had one, 0 to 100%',
  },
  modeDropped: { label: 'Mode dropped', description: '1 where the domain’s policy has left enforce, else 0' },
};

export const DIMENSIONS: Record<Dimension, Word> = {
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
  domains: { label: 'Its domains', description: 'All domains of a reporter in one text, so that one alert names them' },
};

export const INTERVALS: Record<Interval, Word> = {
  auto: { label: 'Auto', description: 'The smallest that fits the width of the panel' },
  '1d': { label: '1 day', description: 'Days in UTC' },
  '7d': { label: '7 days', description: 'Weeks from Monday, UTC' },
  '30d': { label: '30 days', description: 'Blocks of 30 days' },
};

export const TIME_FIELDS: Record<TimeField, Word> = {
  period: { label: 'When it happened', description: 'The day that the report is about' },
  stored: { label: 'When it was stored', description: 'The hour when the report came in. Alert rules want this' },
};

export const COUNTINGS: Record<Counting, Word> = {
  distinct: { label: 'Each session once', description: 'Takes away what a report says twice, under MTA-STS and DANE' },
  reported: { label: 'As reported', description: 'Adds up every policy of every report' },
};

export const TRUSTS: Record<TrustFilter, Word> = {
  any: { label: 'All reports', description: 'Whoever sent them' },
  authenticated: { label: 'Authenticated only', description: 'Only reports whose sender is proven' },
};
