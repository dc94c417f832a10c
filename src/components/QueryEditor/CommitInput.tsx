import { Input } from '@grafana/ui';
import { type ComponentProps, useState } from 'react';

interface Props extends Omit<ComponentProps<typeof Input>, 'value' | 'onChange' | 'onBlur' | 'onKeyDown'> {
  value: string;
  onCommit: (value: string) => void;
}

/** A field that runs the query when it is left or Enter is pressed, not at each key. */
export function CommitInput({ value, onCommit, ...props }: Props) {
  const [draft, setDraft] = useState<string>();
  const commit = () => {
    setDraft(undefined);
    const text = (draft ?? value).trim();
    if (text !== value) {
      onCommit(text);
    }
  };
  return (
    <Input
      width={14}
      {...props}
      value={draft ?? value}
      onChange={({ currentTarget }) => setDraft(currentTarget.value)}
      onBlur={commit}
      onKeyDown={({ key }) => key === 'Enter' && commit()}
    />
  );
}
