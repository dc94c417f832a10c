import { type ComboboxOption } from '@grafana/ui';
import { useMemo } from 'react';

import { type Word } from '../words';

export type Words<T extends string> = Record<T, Word & { group?: string }>;

/**
 * Makes the options of a choice from its words, in the order of the values.
 * They stay the same objects while the values do: a Combobox takes new ones for
 * another choice and reports it, without end.
 */
export function useOptions<T extends string>(words: Words<T>, values?: readonly T[]): Array<ComboboxOption<T>> {
  const key = (values ?? Object.keys(words)).join();
  return useMemo(() => {
    const names = key === '' ? [] : (key.split(',') as T[]);
    return names.map((value) => ({ value, ...(words[value] ?? { label: value }) }));
  }, [key, words]);
}

/** A list that is not there, as the same object each time. */
export const NOTHING: never[] = [];
