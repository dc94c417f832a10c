import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';

import { type Dimension, type Filter, type TlsRptQuery } from './types';

/** Grafana's word for «every value» in a variable's text. */
const ALL_TEXT = 'All';

/** Stands where a variable was; no control character is part of a value. */
const HOLE = '\u0000';

const REFERENCE = /\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]/g;

/** The settings of a query that are one word each, which may come from a variable. */
const WORDS = ['metric', 'interval', 'timeField', 'counting', 'trust', 'maxLateness'] as const;

/** Puts the values of variables into a query: into its filters, groups and words. */
export function interpolateQuery(query: TlsRptQuery, templateSrv: TemplateSrv, scopedVars?: ScopedVars): TlsRptQuery {
  const words = WORDS.filter((name) => query[name]).map((name) => [name, templateSrv.replace(query[name], scopedVars)]);
  const groupBy = query.groupBy?.flatMap((word) => expand(word, false, templateSrv, scopedVars) as Dimension[]);
  return {
    ...query,
    ...Object.fromEntries(words),
    ...(groupBy && { groupBy }),
    filters: interpolateFilters(query.filters ?? [], templateSrv, scopedVars),
  };
}

/**
 * Puts the values of variables into filters. A variable with several values
 * gives several values, «All» drops the filter, and a value that comes out
 * empty is left out. In regular expressions the values of lists are escaped,
 * and what a person typed into a text box is not, as Grafana's own data sources do.
 */
export function interpolateFilters(filters: Filter[], templateSrv: TemplateSrv, scopedVars?: ScopedVars): Filter[] {
  return filters
    .filter(({ values }) => !values.some((value) => saysAll(value, templateSrv, scopedVars)))
    .map((filter) => ({
      ...filter,
      values: filter.values.flatMap((value) => expand(value, isPattern(filter), templateSrv, scopedVars)),
    }));
}

function saysAll(value: string, templateSrv: TemplateSrv, scopedVars?: ScopedVars): boolean {
  return [...value.matchAll(REFERENCE)].some(([, plain, braced, bracketed]) => {
    const name = plain ?? braced ?? bracketed;
    const text = templateSrv.replace(`\${${name}:text}`, scopedVars);
    return text === ALL_TEXT && templateSrv.replace(`\${${name}:raw}`, scopedVars) !== ALL_TEXT;
  });
}

interface FormattedVariable {
  multi?: boolean;
  includeAll?: boolean;
}

function isPattern({ operator }: Filter): boolean {
  return operator === '=~' || operator === '!~';
}

function expand(value: string, escape: boolean, templateSrv: TemplateSrv, scopedVars?: ScopedVars): string[] {
  const choices: string[][] = [];
  const replaced = templateSrv.replace(value, scopedVars, (raw: unknown, variable?: FormattedVariable) => {
    const list = (Array.isArray(raw) ? raw : [raw]).map(String);
    const isList = Array.isArray(raw) || variable?.multi || variable?.includeAll;
    choices.push(escape && isList ? list.map(escapeRegex) : list);
    return HOLE;
  });
  if (replaced === value) {
    return [value];
  }
  const [head, ...tails] = replaced.split(HOLE);
  const combinations = tails.reduce(
    (texts, tail, i) => texts.flatMap((text) => choices[i].map((choice) => text + choice + tail)),
    [head]
  );
  return combinations.filter((text) => text !== '');
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&');
}
