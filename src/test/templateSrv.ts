import { type ScopedVars } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';

export interface FakeVariable {
  value: string | string[];
  /** What the variable's drop-down shows; «All» where everything is chosen. */
  text?: string;
  multi?: boolean;
}

type Formatter = (value: string | string[], variable: { multi?: boolean }) => string;

/** Replaces $name and ${name:format} as Grafana does, from a fixed set of variables. */
export function fakeTemplateSrv(variables: Record<string, FakeVariable> = {}): TemplateSrv {
  const replace = (target = '', scopedVars?: ScopedVars, format?: string | Formatter): string =>
    target.replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}/g, (match, plain, braced, own) => {
      const name = plain ?? braced;
      const scoped = scopedVars?.[name];
      const variable: FakeVariable | undefined = scoped ? { value: scoped.value, text: scoped.text } : variables[name];
      return variable ? formatted(variable, own ?? format) : match;
    });
  return {
    replace,
    getVariables: () => Object.keys(variables).map((name) => ({ name })),
    containsTemplate: (target = '') => target.includes('$'),
    updateTimeRange: () => undefined,
  } as unknown as TemplateSrv;
}

function formatted({ value, text, multi }: FakeVariable, format?: string | Formatter): string {
  if (typeof format === 'function') {
    return format(value, { multi });
  }
  if (format === 'text') {
    return text ?? [value].flat().join(' + ');
  }
  return [value].flat().join(',');
}
