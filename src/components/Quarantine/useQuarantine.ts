import { useCallback, useEffect, useRef, useState } from 'react';

import { retryMany, retryOne, sentenceOf } from '../../api';
import {
  getQuarantine,
  outcomeWords,
  progressOf,
  progressWords,
  type QuarantineAnswer,
  type QuarantineItem,
  type QuarantineRequest,
} from '../../quarantine';

/** How often to look how far a retry is, in milliseconds. */
const LOOK_INTERVAL = 2_000;

/** After how many looks without a change a retry is taken to be over. */
const PATIENCE = 5;

export interface Notice {
  severity: 'info' | 'success' | 'warning' | 'error';
  text: string;
}

export interface Quarantine {
  answer?: QuarantineAnswer;
  error?: string;
  /** Something is being tried again. */
  isBusy: boolean;
  notice?: Notice;
  dismiss: () => void;
  refresh: () => void;
  retry: (item: QuarantineItem) => void;
  /** Without a reason, everything is tried again; the items say how far it is. */
  retryAll: (items: QuarantineItem[], reason?: string) => void;
}

/** Reads the quarantine, and tries again what is in it. */
export function useQuarantine(uid: string, request: QuarantineRequest): Quarantine {
  const [state, setState] = useState<{ answer?: QuarantineAnswer; error?: string }>({});
  const [notice, setNotice] = useState<Notice>();
  const [isBusy, setIsBusy] = useState(false);
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((n) => n + 1), []);
  // The parent makes a new request at each rendering; only another content shall ask again.
  const key = JSON.stringify(request);
  const isShown = useIsShown();

  useEffect(() => {
    let isOver = false;
    const ask = async () => {
      const next = await read(uid, key);
      if (!isOver) {
        setState((last) => ({ ...last, ...next }));
      }
    };
    void ask();
    return () => {
      isOver = true;
    };
  }, [uid, key, round]);

  const work = async (task: () => Promise<Notice>) => {
    setIsBusy(true);
    setNotice({ severity: 'info', text: 'Trying again…' });
    setNotice(await task().catch((error: unknown): Notice => ({ severity: 'error', text: sentenceOf(error) })));
    setIsBusy(false);
    refresh();
  };

  /** Looks how far a retry in the background is, until it is over or no one looks any more. */
  const follow = async (before: QuarantineItem[]): Promise<Notice> => {
    let last = progressOf(before, before);
    for (let idle = 0; idle < PATIENCE && last.tried < last.total && isShown.current; idle++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
      const { answer } = await read(uid, key);
      const next = answer ? progressOf(before, answer.items) : last;
      if (next.tried > last.tried) {
        idle = 0;
      }
      last = next;
      setNotice({ severity: 'info', text: progressWords(last, false) });
    }
    return { severity: last.gone === last.total ? 'success' : 'warning', text: progressWords(last, true) };
  };

  return {
    ...state,
    isBusy,
    notice,
    dismiss: () => setNotice(undefined),
    refresh,
    retry: ({ id }) =>
      void work(async () => {
        const answer = await retryOne(uid, id);
        return { severity: answer.outcome === 'quarantined' ? 'warning' : 'success', text: outcomeWords(answer) };
      }),
    retryAll: (items, reason) =>
      void work(async () => {
        await retryMany(uid, reason);
        return follow(items);
      }),
  };
}

type Reading = { answer: QuarantineAnswer; error: undefined } | { answer?: undefined; error: string };

function read(uid: string, key: string): Promise<Reading> {
  return getQuarantine(uid, JSON.parse(key)).then(
    (answer) => ({ answer, error: undefined }),
    (error: unknown) => ({ error: sentenceOf(error) })
  );
}

function useIsShown() {
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => {
      isShown.current = false;
    };
  }, []);
  return isShown;
}
