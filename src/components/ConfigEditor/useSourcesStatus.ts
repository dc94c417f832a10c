import { useCallback, useEffect, useState } from 'react';

import { getSources, sentenceOf } from '../../api';
import { type SourcesAnswer } from '../../types';

/** How often to ask, in milliseconds: while a source is on the move, and else. */
const BUSY_INTERVAL = 2_000;
const CALM_INTERVAL = 10_000;

export interface SourcesStatus {
  answer?: SourcesAnswer;
  error?: string;
  /** Asks again at once. */
  refresh: () => void;
}

/**
 * Follows what the saved sources are doing. It asks nothing while there are
 * none, and starts anew with every saved version of the settings.
 */
export function useSourcesStatus(uid: string, version: number | undefined, hasSaved: boolean): SourcesStatus {
  const [state, setState] = useState<Omit<SourcesStatus, 'refresh'>>({});
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((n) => n + 1), []);

  useEffect(() => {
    if (!uid || !hasSaved) {
      return;
    }
    let isOver = false;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      const next = await getSources(uid).then(
        (answer) => ({ answer, error: undefined }),
        (error: unknown) => ({ error: sentenceOf(error) })
      );
      if (isOver) {
        return;
      }
      setState((last) => ({ ...last, ...next }));
      timer = setTimeout(ask, 'answer' in next && isBusy(next.answer) ? BUSY_INTERVAL : CALM_INTERVAL);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [uid, version, hasSaved, round]);

  return { ...state, refresh };
}

/** A source that was never polled is about to be. */
function isBusy({ sources, store }: SourcesAnswer): boolean {
  return (
    Boolean(store.reread) ||
    sources.some(({ state, lastPoll }) => state === 'syncing' || (state === 'idle' && !lastPoll))
  );
}
