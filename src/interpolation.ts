import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';

import { type Filter } from './types';

/** Grafana's word for «every value» in a variable's text. */
const ALL_TEXT = 'All';

/** Stands where a variable was; no control character is part of a value. */
const HOLE = '\u0000';

const REFERENCE = /\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]/g;

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
      values: filter.values.flatMap((value) => expand(value, filter, templateSrv, scopedVars)),
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

function expand(value: string, { operator }: Filter, templateSrv: TemplateSrv, scopedVars?: ScopedVars): string[] {
  const isPattern = operator === '=~' || operator === '!~';
  const choices: string[][] = [];
  const replaced = templateSrv.replace(value, scopedVars, (raw: unknown, variable?: FormattedVariable) => {
    const list = (Array.isArray(raw) ? raw : [raw]).map(String);
    const isList = Array.isArray(raw) || variable?.multi || variable?.includeAll;
    choices.push(isPattern && isList ? list.map(escapeRegex) : list);
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
