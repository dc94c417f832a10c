import { Combobox, type ComboboxOption } from '@grafana/ui';
import { useEffect, useRef } from 'react';

interface Props<T extends string> {
  id?: string;
  'aria-label'?: string;
  'data-testid'?: string;
  options: Array<ComboboxOption<T>>;
  value?: T;
  width?: number;
  disabled?: boolean;
  invalid?: boolean;
  onChange: (value: T) => void;
}

/**
 * A Combobox that tells each choice once. Where a click follows the pointer's
 * first move at once, as a tap does, the Combobox reports the same choice at
 * every rendering, and each report would cause another one without end.
 */
export function Choice<T extends string>({ value, onChange, ...props }: Props<T>) {
  const known = useRef(value);
  useEffect(() => {
    known.current = value;
  }, [value]);

  const report = (chosen: ComboboxOption<T>) => {
    if (chosen.value !== known.current) {
      known.current = chosen.value;
      onChange(chosen.value);
    }
  };
  return <Combobox<T> {...props} value={value} onChange={report} />;
}
