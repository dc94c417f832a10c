/** An alert rule as Grafana's provisioning API has it. What is not named here is left as Grafana has it. */
export interface AlertRule {
  uid: string;
  title: string;
  folderUID: string;
  ruleGroup: string;
  condition: string;
  noDataState: string;
  execErrState: string;
  /** Such as `0s` or `5m`. */
  for: string;
  isPaused: boolean;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  data: AlertQuery[];
}

interface AlertQuery {
  refId: string;
  datasourceUid: string;
  relativeTimeRange: { from: number; to: number };
  model: Record<string, unknown>;
}

/** A rule that is in Grafana already. */
export interface PresentRule extends AlertRule {
  /** Who keeps the rule: `file`, `api`, or empty where people may edit it. */
  provenance?: string;
}

export interface RuleGroup<T extends AlertRule = AlertRule> {
  title: string;
  folderUid: string;
  /** Between evaluations, in seconds. */
  interval: number;
  rules: T[];
}

/** The answer of the resource `alerts`: what ships, made for this data source. */
export interface ShippedRules {
  folder: { uid: string; title: string };
  groups: RuleGroup[];
}

/** What of the shipped rules is in Grafana already. */
export interface Comparison {
  missing: AlertRule[];
  /** There, and as they ship but for what people add to them. */
  same: PresentRule[];
  /** There, but not as they ship: people have changed them, or an older version of this plugin has made them. */
  different: PresentRule[];
  /** There from a file on the server, which alone can change them. */
  fromFile: PresentRule[];
}

export function compareRules(shipped: AlertRule[], present: PresentRule[]): Comparison {
  const byUid = new Map(present.map((rule) => [rule.uid, rule]));
  const result: Comparison = { missing: [], same: [], different: [], fromFile: [] };
  for (const rule of shipped) {
    const there = byUid.get(rule.uid);
    if (!there) {
      result.missing.push(rule);
    } else if (there.provenance === 'file') {
      result.fromFile.push(there);
    } else {
      result[isAsShipped(rule, there) ? 'same' : 'different'].push(there);
    }
  }
  return result;
}

/** Says whether a rule does what the shipped one does: labels, contact points and a pause are people's own matter. */
function isAsShipped(shipped: AlertRule, there: PresentRule): boolean {
  const words = ['title', 'condition', 'noDataState', 'execErrState'] as const;
  return (
    words.every((word) => shipped[word] === there[word]) &&
    secondsOf(shipped.for) === secondsOf(there.for) &&
    holds(there.labels ?? {}, shipped.labels ?? {}) &&
    holds(there.annotations ?? {}, shipped.annotations ?? {}) &&
    shipped.data.length === there.data.length &&
    shipped.data.every((query, i) => isSameQuery(query, there.data[i]))
  );
}

function isSameQuery(shipped: AlertQuery, there: AlertQuery): boolean {
  const { refId, datasourceUid, relativeTimeRange, model } = shipped;
  return (
    refId === there.refId &&
    datasourceUid === there.datasourceUid &&
    holds(there.relativeTimeRange, relativeTimeRange) &&
    // Grafana adds words of its own to the model.
    holds(there.model, model)
  );
}

/** Says whether all of a part stands in the whole; lists must be equal. */
function holds(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(whole) && whole.length === part.length && part.every((value, i) => holds(whole[i], value));
  }
  if (isObject(part)) {
    return isObject(whole) && Object.entries(part).every(([key, value]) => holds(whole[key], value));
  }
  return whole === part;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads a duration such as `5m`, `5m0s` or `1h30m`. */
function secondsOf(duration: string): number {
  const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  const parts = [...duration.matchAll(/(\d+)([smhdw])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit], 0);
}

/**
 * Puts missing rules into a group as it is in Grafana. Writing a group removes
 * what is not in it, so what people have put there stays.
 */
export function withMissing(group: RuleGroup, missing: AlertRule[], there: RuleGroup | undefined): RuleGroup {
  const own = missing.filter((rule) => group.rules.some(({ uid }) => uid === rule.uid));
  return { ...group, interval: there?.interval ?? group.interval, rules: [...(there?.rules ?? []), ...own] };
}

/** Makes a rule as it ships again, where it is, with what people added to it. */
export function replaced(shipped: AlertRule, there: PresentRule): PresentRule {
  return {
    ...there,
    ...shipped,
    folderUID: there.folderUID,
    ruleGroup: there.ruleGroup,
    isPaused: there.isPaused,
    labels: { ...there.labels, ...shipped.labels },
    annotations: { ...there.annotations, ...shipped.annotations },
  };
}

/** Says a number of rules. */
export function rulesText(count: number): string {
  return count === 1 ? '1 alert rule' : `${count} alert rules`;
}
