import { type ReportSource } from '../../types';
import { TextField } from './fields';

interface Props {
  source: ReportSource;
  disabled?: boolean;
  onChange: (part: Pick<ReportSource, 'name' | 'pollInterval'>) => void;
}

/** What a source is called, whatever its type. */
export function NameField({ source, disabled, onChange }: Props) {
  return (
    <TextField
      id={`${source.id}-name`}
      label="Name"
      description="As panels and this page show it."
      value={source.name}
      disabled={disabled}
      onChange={(name) => onChange({ name })}
    />
  );
}

/** How often a source is polled, with a note on what its type does beside. */
export function IntervalField({
  source,
  problem,
  note = '',
  disabled,
  onChange,
}: Props & { problem?: string; note?: string }) {
  return (
    <TextField
      id={`${source.id}-interval`}
      label="Poll every"
      description={`Such as 5m or 1h.${note}`}
      placeholder="5m"
      value={source.pollInterval}
      problem={problem}
      disabled={disabled}
      onChange={(pollInterval) => onChange({ pollInterval })}
    />
  );
}
