import { type DataSourceJsonData } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';

/** What a query asks for. The names are the words of the public query model. */
export type QueryType =
  | 'status'
  | 'incidents'
  | 'trend'
  | 'summary'
  | 'failures'
  | 'reports'
  | 'reporters'
  | 'policies'
  | 'readiness'
  | 'sources'
  | 'counters'
  | 'quarantine'
  | 'events';

export type Metric =
  | 'failureRate'
  | 'failedSessions'
  | 'successfulSessions'
  | 'totalSessions'
  | 'protectedShare'
  | 'reports'
  | 'reportersFailing'
  | 'completeness'
  | AlertMetric;

/** Those that tell how things stand at the end of the range, made for alert rules. */
export type AlertMetric =
  | 'newFailedSessions'
  | 'daneFailedSessions'
  | 'cleanReports'
  | 'historyDays'
  | 'enforced'
  | 'detailReporters'
  | 'detailSightings'
  | 'detailRepeats'
  | 'mxFailureShare'
  | 'lastFailing'
  | 'nextReport'
  | 'overdue'
  | 'silentDays'
  | 'reportAge'
  | 'pollAge'
  | 'pollsMissed'
  | 'arrivals'
  | 'quarantined'
  | 'protectionLost'
  | 'modeDropped';

export type Dimension =
  | 'policyDomain'
  | 'policyType'
  | 'policyMode'
  | 'reporter'
  | 'trust'
  | 'source'
  | 'resultType'
  | 'reasonCode'
  | 'receivingMx'
  | 'receivingIp'
  | 'sendingMtaIp'
  | 'sendingNetwork'
  | 'quarantineReason'
  | 'domains';

export type Operator = '=' | '!=' | '=~' | '!~';
export type Interval = 'auto' | '1d' | '7d' | '30d';
export type TimeField = 'period' | 'stored';
export type Counting = 'distinct' | 'reported';
export type TrustFilter = 'any' | 'authenticated';

/** Values are OR-ed, filters AND-ed; a filter without values is ignored. */
export interface Filter {
  dimension: Dimension;
  operator: Operator;
  values: string[];
}

export interface TlsRptQuery extends DataQuery {
  queryType: QueryType;
  metric?: Metric;
  /** Several numbers for a `summary` as a table; given instead of `metric`. */
  metrics?: Metric[];
  groupBy?: Dimension[];
  filters?: Filter[];
  interval?: Interval;
  timeField?: TimeField;
  counting?: Counting;
  trust?: TrustFilter;
  /** Groups with fewer sessions in the range are left out. */
  minSessions?: number;
  /** Such as `7d`: leaves out reports stored later than that after their period; empty is no bound. */
  maxLateness?: string;
  /** For `newFailedSessions`: how many days before the range count as known. */
  baselineDays?: number;
  limit?: number;
}

export interface TlsRptVariableQuery extends Omit<DataQuery, 'queryType'> {
  dimension: Dimension;
  filters?: Filter[];
}

export type Security = 'tls' | 'starttls' | 'none';
export type ImapAuth = 'password' | 'xoauth2' | 'oauthbearer';
export type HttpsAuth = 'none' | 'basic' | 'bearer';
export type Grant = 'clientCredentials' | 'refreshToken';
export type Listing = 'auto' | 'nginx-json' | 'html' | 'manifest';
export type ImapAfterProcessing = 'keep' | 'seen' | 'move' | 'delete';
export type HttpsAfterProcessing = 'keep' | 'delete';
export type SourceTrust = 'verify' | 'assume';

interface SourceBase {
  /** Names the source for ever in the store, in secrets and in queries. */
  id: string;
  name?: string;
  username?: string;
  /** A duration such as `5m`. */
  pollInterval?: string;
  /** A private certificate authority, PEM. */
  tlsCaCert?: string;
  trust?: SourceTrust;
}

export interface OAuthSettings {
  grant?: Grant;
  tokenUrl?: string;
  clientId?: string;
  scopes?: string[];
}

export interface ImapSource extends SourceBase {
  type: 'imap';
  host?: string;
  port?: number;
  security?: Security;
  auth?: ImapAuth;
  folders?: string[];
  afterProcessing?: ImapAfterProcessing;
  moveTo?: string;
  tlsServerName?: string;
  oauth?: OAuthSettings;
}

export interface HttpsSource extends SourceBase {
  type: 'https';
  url?: string;
  listing?: Listing;
  auth?: HttpsAuth;
  afterProcessing?: HttpsAfterProcessing;
}

export type ReportSource = ImapSource | HttpsSource;

export type Authentication = 'dkim' | 'headers' | 'off';

export interface TlsRptSettings extends DataSourceJsonData {
  sources?: ReportSource[];
  domains?: string[];
  /** MX host to the domain that it serves. */
  domainMap?: Record<string, string>;
  retentionDays?: number;
  authentication?: Authentication;
  authservId?: string;
}

/** Keys are `source.<id>.<name>`. */
export type TlsRptSecrets = Record<string, string>;
export type SecretName = 'password' | 'token' | 'clientSecret' | 'refreshToken';

export type SourceStateName = 'ok' | 'syncing' | 'failing' | 'idle' | 'misconfigured';

/** One source in the answer of the resource `sources`; times are RFC 3339 or null. */
export interface SourceStatus {
  id: string;
  name: string;
  type: string;
  state: SourceStateName;
  lastPoll: string | null;
  lastSuccess: string | null;
  lastError: string;
  nextPoll: string | null;
  progress?: { done: number; total: number };
  seen: number;
  stored: number;
  duplicate: number;
  quarantined: number;
  ignored: number;
  pending: number;
}

export interface StoreStatus {
  kind: 'file' | 'memory';
  warning: string;
  bytes: number;
  reports: number;
  /** How far stored reports are being read again, after an upgrade or other settings; null where they are not. */
  reread: { done: number; total: number; message: string } | null;
}

export interface SourcesAnswer {
  sources: SourceStatus[];
  store: StoreStatus;
  /** What is wrong with settings that concern every source; empty where nothing is. */
  problem?: string;
}

export interface DimensionValue {
  value: string;
  text: string;
}

export interface DimensionAnswer {
  values: DimensionValue[];
  more: boolean;
}

/** What came of trying a document of the quarantine again. */
export interface RetryAnswer {
  outcome: 'stored' | 'duplicate' | 'quarantined' | 'ignored';
  /** Why it is still in quarantine. */
  message: string;
}
