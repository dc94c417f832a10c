import { useState } from 'react';

import { AreaField } from './fields';

interface Props {
  id: string;
  label: string;
  description: string;
  placeholder: string;
  lines: string[];
  isValid: (line: string) => boolean;
  problem: (line: string) => string;
  disabled?: boolean;
  onChange: (lines: string[]) => void;
}

/** A list as text, one entry a line, so that hundreds can be pasted; commas and blanks part them too. */
export function LinesField({ lines, isValid, problem, onChange, ...rest }: Props) {
  const [text, setText] = useState(() => lines.join('\n'));
  const shown = sameList(linesOf(text), lines) ? text : lines.join('\n');
  const wrong = lines.find((line) => !isValid(line));

  return (
    <AreaField
      {...rest}
      rows={Math.min(12, Math.max(3, lines.length + 1))}
      value={shown}
      problem={wrong === undefined ? undefined : problem(wrong)}
      onChange={(next) => {
        setText(next);
        onChange(linesOf(next));
      }}
    />
  );
}

function linesOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((line) => line !== '');
}

function sameList(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
