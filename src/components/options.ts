import { type ComboboxOption } from '@grafana/ui';

/** Makes the options of a choice from its words, in the order of the values. */
export function optionsFor<T extends string>(
  values: readonly T[],
  words: Record<T, { label: string; description: string }>
): Array<ComboboxOption<T>> {
  return values.map((value) => ({ value, ...words[value] }));
}

/** The keys of a dictionary of words, with their type. */
export function keysOf<T extends string>(words: Record<T, unknown>): T[] {
  return Object.keys(words) as T[];
}
