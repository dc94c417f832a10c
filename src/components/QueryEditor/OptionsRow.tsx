import { css } from '@emotion/css';
import { type GrafanaTheme2 } from '@grafana/data';
import { EditorField, EditorRow } from '@grafana/plugin-ui';
import { Collapse, useStyles2 } from '@grafana/ui';
import { useId, useState } from 'react';

import { hasMetric, type OptionName } from '../../metrics';
import { defaultLimit, OPTION_DEFAULTS, optionsOf } from '../../query';
import { type QueryType, type TlsRptQuery } from '../../types';
import { COUNTINGS, INTERVALS, TIME_FIELDS, TRUSTS } from '../../words';
import { Choice } from '../Choice';
import { useOptions, type Words } from '../options';
import { isAge } from '../validation';
import { CommitInput } from './CommitInput';

/** Which rows a limit leaves, where these are not the largest. */
const LIMIT_ORDER: Partial<Record<QueryType, string>> = {
  status: 'the worst first',
  incidents: 'the worst first',
  failures: 'the newest first',
  reports: 'the newest first',
  quarantine: 'the newest first',
  events: 'the newest of them',
  policies: 'by domain',
  readiness: 'domains under testing first',
  reporters: 'who reported most first',
};

interface Props {
  query: TlsRptQuery;
  onChange: (query: TlsRptQuery) => void;
}

/** What most people leave alone, folded into a line that says how it stands. */
export function OptionsRow({ query, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const [isOpen, setIsOpen] = useState(false);
  const names = optionsOf(query);
  if (names.length === 0) {
    return null;
  }

  const label = (
    <div className={styles.header}>
      <span>Options</span>
      {!isOpen &&
        names.map((name) => (
          <span key={name} className={styles.summary}>
            {summaryOf(query, name)}
          </span>
        ))}
    </div>
  );
  return (
    <EditorRow>
      <Collapse className={styles.collapse} label={label} isOpen={isOpen} onToggle={setIsOpen}>
        <div className={styles.fields}>
          {names.map((name) => (
            <OptionField key={name} name={name} query={query} onChange={onChange} />
          ))}
        </div>
      </Collapse>
    </EditorRow>
  );
}

function summaryOf(query: TlsRptQuery, name: OptionName): string {
  switch (name) {
    case 'interval':
      return `Interval: ${INTERVALS[query.interval ?? OPTION_DEFAULTS.interval]?.label ?? query.interval}`;
    case 'timeField':
      return `Time: ${TIME_FIELDS[query.timeField ?? OPTION_DEFAULTS.timeField]?.label ?? query.timeField}`;
    case 'counting':
      return `Counting: ${COUNTINGS[query.counting ?? OPTION_DEFAULTS.counting]?.label ?? query.counting}`;
    case 'trust':
      return `Trust: ${TRUSTS[query.trust ?? OPTION_DEFAULTS.trust]?.label ?? query.trust}`;
    case 'minSessions':
      return `Least sessions: ${query.minSessions ?? OPTION_DEFAULTS.minSessions}`;
    case 'maxLateness':
      return `Lateness: ${query.maxLateness ? `up to ${query.maxLateness}` : 'any'}`;
    case 'baselineDays':
      return `Known from: ${query.baselineDays ?? OPTION_DEFAULTS.baselineDays} days`;
    case 'limit':
      return `Limit: ${query.limit ?? defaultLimit(query.queryType)}`;
  }
}

function OptionField({ name, query, onChange }: Props & { name: OptionName }) {
  const id = useId();
  switch (name) {
    case 'interval':
      return (
        <WordField
          label="Interval"
          tooltip="How much time one point stands for. Reports cover a day, so none is shorter"
          words={INTERVALS}
          width={16}
          value={query.interval ?? OPTION_DEFAULTS.interval}
          onChange={(interval) => onChange({ ...query, interval })}
        />
      );
    case 'timeField':
      return (
        <WordField
          label="Time"
          tooltip="Reports come hours or days after what they tell. Alert rules want “When it was stored”, so that a late report neither pages for old news nor is missed"
          words={TIME_FIELDS}
          width={22}
          value={query.timeField ?? OPTION_DEFAULTS.timeField}
          onChange={(timeField) => onChange({ ...query, timeField })}
        />
      );
    case 'counting':
      return (
        <WordField
          label="Counting"
          tooltip="Some senders report the same sessions twice, under MTA-STS and under DANE"
          words={COUNTINGS}
          width={22}
          value={query.counting ?? OPTION_DEFAULTS.counting}
          onChange={(counting) => onChange({ ...query, counting })}
        />
      );
    case 'trust':
      return (
        <WordField
          label="Trust"
          tooltip="Anyone can send a report. An authenticated one carries a valid signature of its sender (DKIM)"
          words={TRUSTS}
          width={22}
          value={query.trust ?? OPTION_DEFAULTS.trust}
          onChange={(trust) => onChange({ ...query, trust })}
        />
      );
    case 'minSessions':
      return (
        <EditorField
          label="Least sessions"
          tooltip="Leaves out groups with fewer sessions in the time range, where a rate says little"
        >
          <NumberInput
            id={id}
            min={0}
            value={query.minSessions}
            fallback={OPTION_DEFAULTS.minSessions}
            onCommit={(minSessions) => onChange({ ...query, minSessions })}
          />
        </EditorField>
      );
    case 'maxLateness':
      return <LatenessField query={query} onChange={onChange} />;
    case 'baselineDays':
      return (
        <EditorField
          label="Days to compare with"
          tooltip="A result type is new where the domain did not have it in so many days before the time range"
        >
          <NumberInput
            id={id}
            min={1}
            value={query.baselineDays}
            fallback={OPTION_DEFAULTS.baselineDays}
            onCommit={(baselineDays) => onChange({ ...query, baselineDays })}
          />
        </EditorField>
      );
    case 'limit':
      return (
        <EditorField
          label="Limit"
          tooltip={`How many ${hasMetric(query.queryType) ? 'groups' : 'rows'} to show, ${LIMIT_ORDER[query.queryType] ?? 'the largest first'}`}
        >
          <NumberInput
            id={id}
            min={1}
            value={query.limit}
            fallback={defaultLimit(query.queryType)}
            onCommit={(limit) => onChange({ ...query, limit })}
          />
        </EditorField>
      );
  }
}

interface WordProps<T extends string> {
  label: string;
  tooltip: string;
  words: Words<T>;
  width: number;
  value: T;
  onChange: (value: T) => void;
}

function WordField<T extends string>({ label, tooltip, words, width, value, onChange }: WordProps<T>) {
  const id = useId();
  const options = useOptions(words);
  return (
    <EditorField label={label} tooltip={tooltip}>
      <Choice id={id} width={width} options={options} value={value} onChange={onChange} />
    </EditorField>
  );
}

function LatenessField({ query, onChange }: Props) {
  const id = useId();
  const { maxLateness = '' } = query;
  const isBad = maxLateness !== '' && !maxLateness.includes('$') && !isAge(maxLateness);
  return (
    <EditorField
      label="Lateness"
      tooltip="Leaves out reports that came later than this after the time they tell of, such as 7d or 36h; empty takes all"
      invalid={isBad}
      error="A number with h, d or w, such as 7d"
    >
      <CommitInput
        id={id}
        placeholder="any"
        invalid={isBad}
        value={maxLateness}
        onCommit={(next) => onChange({ ...query, maxLateness: next })}
      />
    </EditorField>
  );
}

interface NumberInputProps {
  id: string;
  min: number;
  value?: number;
  fallback: number;
  onCommit: (value: number | undefined) => void;
}

/** A whole number; empty stands for the default. */
function NumberInput({ id, min, value, fallback, onCommit }: NumberInputProps) {
  return (
    <CommitInput
      id={id}
      type="number"
      min={min}
      step={1}
      placeholder={String(fallback)}
      value={value === undefined ? '' : String(value)}
      onCommit={(text) => onCommit(text === '' ? undefined : Math.max(min, Math.round(Number(text))))}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  // Grafana pads a collapsible part as if it stood alone; here it is a row among others.
  collapse: css({ border: 'none', background: 'none', margin: 0, '& > div': { padding: 0 } }),
  header: css({
    display: 'flex',
    flexWrap: 'wrap',
    columnGap: theme.spacing(2),
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  summary: css({ color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular }),
  fields: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(2), marginTop: theme.spacing(1) }),
});
