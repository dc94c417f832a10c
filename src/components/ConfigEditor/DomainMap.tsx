import { Button, Field, IconButton, Input, Stack } from '@grafana/ui';
import { useState } from 'react';

interface Props {
  value: Record<string, string>;
  disabled?: boolean;
  onChange: (value: Record<string, string>) => void;
}

interface Row {
  host: string;
  domain: string;
}

/** Pairs of MX host and domain. Rows that are not complete yet live here alone. */
export function DomainMap({ value, disabled, onChange }: Props) {
  const [rows, setRows] = useState<Row[]>(() => rowsOf(value));
  const change = (next: Row[]) => {
    setRows(next);
    onChange(mapOf(next));
  };
  const replace = (index: number, part: Partial<Row>) =>
    change(rows.map((row, i) => (i === index ? { ...row, ...part } : row)));

  return (
    <Field
      noMargin
      label="Mail servers shown as domains"
      description="Reports under DANE name a mail server where others name the domain. Say which domain each one serves, and its reports are counted there. When you change this, stored reports are read again in the background, and their numbers move."
    >
      <Stack direction="column" gap={1} alignItems="flex-start">
        {rows.map(({ host, domain }, index) => (
          <Stack key={index} gap={1} alignItems="center" wrap="wrap">
            <Input
              aria-label={`Mail server ${index + 1}`}
              placeholder="mx1.example.net"
              width={30}
              value={host}
              disabled={disabled}
              invalid={rows.some((row, i) => i < index && host !== '' && row.host.trim() === host.trim())}
              onChange={({ currentTarget }) => replace(index, { host: currentTarget.value })}
            />
            <span>is shown as</span>
            <Input
              aria-label={`Domain of mail server ${index + 1}`}
              placeholder="example.com"
              width={30}
              value={domain}
              disabled={disabled}
              onChange={({ currentTarget }) => replace(index, { domain: currentTarget.value })}
            />
            <IconButton
              name="trash-alt"
              aria-label={`Remove mail server ${index + 1}`}
              disabled={disabled}
              onClick={() => change(rows.filter((_, i) => i !== index))}
            />
          </Stack>
        ))}
        <Button
          type="button"
          variant="secondary"
          icon="plus"
          size="sm"
          disabled={disabled}
          onClick={() => setRows([...rows, { host: '', domain: '' }])}
        >
          Add mail server
        </Button>
      </Stack>
    </Field>
  );
}

function rowsOf(map: Record<string, string>): Row[] {
  return Object.entries(map).map(([host, domain]) => ({ host, domain }));
}

function mapOf(rows: Row[]): Record<string, string> {
  const complete = rows
    .map(({ host, domain }) => [host.trim(), domain.trim()])
    .filter(([host, domain]) => host !== '' && domain !== '');
  return Object.fromEntries(complete);
}
