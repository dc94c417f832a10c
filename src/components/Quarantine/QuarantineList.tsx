import { Alert, Button, LoadingPlaceholder, Stack, Text } from '@grafana/ui';
import { useState } from 'react';

import { byReason, documents, type QuarantineItem, type QuarantineRequest } from '../../quarantine';
import { mayEdit } from '../../rights';
import { RawDrawer } from './RawDrawer';
import { ReasonSection } from './ReasonSection';
import { useQuarantine } from './useQuarantine';

interface Props {
  uid: string;
  request: QuarantineRequest;
  /** What an empty quarantine says. */
  emptyText: string;
}

/** The quarantine as a place to work: why what is in it, its bytes, and another try. */
export function QuarantineList({ uid, request, emptyText }: Props) {
  const { answer, error, isBusy, notice, dismiss, refresh, retry, retryAll } = useQuarantine(uid, request);
  const [looked, setLooked] = useState<QuarantineItem>();
  const isEditor = mayEdit();
  const items = answer?.items ?? [];

  return (
    <Stack direction="column" gap={1}>
      {error && (
        <Alert severity="error" title="The quarantine could not be read">
          <Stack direction="column" alignItems="flex-start" gap={1}>
            {error}
            <Button type="button" size="sm" variant="secondary" icon="sync" onClick={refresh}>
              Read it again
            </Button>
          </Stack>
        </Alert>
      )}
      {notice && (
        <Alert severity={notice.severity} title={notice.text} onRemove={isBusy ? undefined : dismiss} role="status" />
      )}
      {!answer && !error && <LoadingPlaceholder text="Loading…" />}
      {answer && items.length === 0 && <Text color="secondary">{emptyText}</Text>}
      {items.length > 0 && (
        <Stack alignItems="center" justifyContent="space-between" wrap="wrap">
          <Text color="secondary" variant="bodySmall">
            {answer?.more
              ? `The newest ${documents(items.length)} in quarantine`
              : `${documents(items.length)} in quarantine`}
            {!isEditor && '. To look at them and to try them again, you need the Editor role'}
          </Text>
          {isEditor && (
            <Button
              type="button"
              size="sm"
              variant="secondary"
              icon="sync"
              disabled={isBusy}
              onClick={() => retryAll(items)}
            >
              Try everything again
            </Button>
          )}
        </Stack>
      )}
      {byReason(items).map((group) => (
        <ReasonSection
          key={group.reason}
          uid={uid}
          group={group}
          actions={
            isEditor
              ? {
                  isBusy,
                  onLook: setLooked,
                  onRetry: retry,
                  onRetryAll: () => retryAll(group.items, group.reason),
                }
              : undefined
          }
        />
      ))}
      {looked && <RawDrawer uid={uid} item={looked} onClose={() => setLooked(undefined)} />}
    </Stack>
  );
}
