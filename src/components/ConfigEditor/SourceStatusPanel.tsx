import { css } from '@emotion/css';
import { dateTimeFormat, dateTimeFormatTimeAgo, type GrafanaTheme2 } from '@grafana/data';
import { Alert, Badge, type BadgeColor, Button, useStyles2 } from '@grafana/ui';
import { useState } from 'react';

import { pollNow, sentenceOf } from '../../api';
import { mayEdit } from '../../rights';
import { type ReportSource, type SourceStateName, type SourceStatus } from '../../types';
import { ProgressBar } from './ProgressBar';

const STATES: Record<SourceStateName, { color: BadgeColor; text: string }> = {
  ok: { color: 'green', text: 'Up to date' },
  syncing: { color: 'blue', text: 'Reading' },
  failing: { color: 'red', text: 'Failing' },
  idle: { color: 'darkgrey', text: 'Waiting' },
  misconfigured: { color: 'orange', text: 'Check the settings' },
};

export function StateBadge({ state }: { state?: SourceStatus }) {
  const words = state && STATES[state.state];
  return words ? <Badge color={words.color} text={words.text} data-testid="source-state" /> : null;
}

interface Props {
  uid: string;
  type: ReportSource['type'];
  state: SourceStatus;
  isOpen: boolean;
  onPolled: () => void;
}

/** What a saved source is doing: progress, the last error, and where everything that it showed went. */
export function SourceStatusPanel({ uid, type, state, isOpen, onPolled }: Props) {
  const styles = useStyles2(getStyles);
  const { progress, lastError } = state;
  const isReading = state.state === 'syncing' && progress !== undefined && progress.total > 0;
  if (!isOpen && !isReading && !lastError) {
    return null;
  }
  return (
    <div className={styles.panel}>
      {isReading && (
        <ProgressBar {...progress} label="First synchronization" unit={type === 'imap' ? 'mails' : 'files'} />
      )}
      {lastError && (
        <Alert severity="error" title="The last try failed" className={styles.alert}>
          {lastError}
        </Alert>
      )}
      {isOpen && (
        <div className={styles.line}>
          <span>{accountOf(state)}</span>
          <span title={timeTitle(state.lastSuccess)}>
            {state.lastSuccess ? `Last read ${dateTimeFormatTimeAgo(state.lastSuccess)}` : 'Not read completely yet'}
          </span>
          <PollButton uid={uid} id={state.id} isBusy={state.state === 'syncing'} onPolled={onPolled} />
        </div>
      )}
    </div>
  );
}

interface PollButtonProps {
  uid: string;
  id: string;
  isBusy: boolean;
  onPolled: () => void;
}

/** Asks for a poll at once, which Grafana's viewers may not. */
function PollButton({ uid, id, isBusy, onPolled }: PollButtonProps) {
  const [isAsking, setIsAsking] = useState(false);
  const [problem, setProblem] = useState<string>();
  if (!mayEdit()) {
    return null;
  }
  const poll = async () => {
    setIsAsking(true);
    setProblem(await pollNow(uid, id).then(() => undefined, sentenceOf));
    setIsAsking(false);
    onPolled();
  };
  return (
    <>
      <Button
        type="button"
        size="sm"
        variant="secondary"
        icon="sync"
        disabled={isAsking || isBusy}
        onClick={poll}
        aria-label={`Poll ${id} now`}
      >
        Poll now
      </Button>
      {problem && <span role="alert">{problem}</span>}
    </>
  );
}

/** One sentence whose parts add up to what the source has shown. */
function accountOf({ seen, stored, duplicate, quarantined, ignored, pending }: SourceStatus): string {
  const parts = [
    `${number(stored)} stored`,
    `${number(duplicate)} duplicate`,
    `${number(quarantined)} quarantined`,
    `${number(ignored)} ignored`,
  ];
  const waiting = pending > 0 ? `; ${number(pending)} wait to be changed on the server` : '';
  return `${number(seen)} seen: ${parts.join(', ')}${waiting}`;
}

function number(n: number): string {
  return n.toLocaleString('en-US');
}

function timeTitle(time: string | null): string | undefined {
  return time ? dateTimeFormat(time) : undefined;
}

const getStyles = (theme: GrafanaTheme2) => ({
  panel: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    padding: theme.spacing(1.5, 2),
  }),
  alert: css({ margin: 0 }),
  line: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    columnGap: theme.spacing(2),
    rowGap: theme.spacing(0.5),
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
});
