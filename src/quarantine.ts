import { type DataFrame } from '@grafana/data';
import { type BackendDataSourceResponse, getBackendSrv, toDataQueryResponse } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';

import { type Filter, type RetryAnswer } from './types';

/** A document that could not be used, as a row of the query `quarantine` has it. */
export interface QuarantineItem {
  id: number;
  /** When it was put in, in milliseconds. */
  time: number;
  reason: string;
  meaning: string;
  fix: string;
  detail: string;
  source: string;
  reference: string;
  size: number;
  tries: number;
  parserVersion: number;
}

export interface QuarantineRequest {
  filters: Filter[];
  /** Milliseconds. */
  from: number;
  to: number;
}

export interface QuarantineAnswer {
  items: QuarantineItem[];
  /** There are more than were asked for; the newest are here. */
  more: boolean;
}

/** How many documents are shown to work on. */
const ITEM_LIMIT = 1000;

/** Asks the data source's own query `quarantine`. */
export async function getQuarantine(uid: string, { filters, from, to }: QuarantineRequest): Promise<QuarantineAnswer> {
  const query = { refId: 'A', datasource: { uid }, queryType: 'quarantine', filters, limit: ITEM_LIMIT };
  const response = await lastValueFrom(
    getBackendSrv().fetch<BackendDataSourceResponse>({
      method: 'POST',
      url: '/api/ds/query',
      data: { from: String(from), to: String(to), queries: [query] },
      showErrorAlert: false,
      hideFromInspector: true,
    })
  );
  const { data, errors } = toDataQueryResponse(response, [query]);
  if (errors?.length) {
    throw new Error(errors[0].message);
  }
  const items = data.flatMap(itemsOf);
  return { items, more: items.length >= ITEM_LIMIT };
}

function itemsOf(frame: DataFrame): QuarantineItem[] {
  const columns = frame.fields.map(({ name, values }) => [name, values] as const);
  return Array.from(
    { length: frame.length },
    (_, row) => Object.fromEntries(columns.map(([name, values]) => [name, values[row]])) as unknown as QuarantineItem
  );
}

export interface ReasonGroup {
  reason: string;
  meaning: string;
  fix: string;
  items: QuarantineItem[];
}

/** Puts items of one reason together, the most frequent reason first. */
export function byReason(items: QuarantineItem[]): ReasonGroup[] {
  const groups = new Map<string, ReasonGroup>();
  for (const item of items) {
    const { reason, meaning, fix } = item;
    const group = groups.get(reason) ?? { reason, meaning, fix, items: [] };
    group.items.push(item);
    groups.set(reason, group);
  }
  return [...groups.values()].sort((a, b) => b.items.length - a.items.length || a.reason.localeCompare(b.reason));
}

export interface Progress {
  total: number;
  /** How many of them were tried, and how many of those are in quarantine no more. */
  tried: number;
  gone: number;
}

/** Says how far trying again is, by what was there before and what is there now. */
export function progressOf(before: QuarantineItem[], now: QuarantineItem[]): Progress {
  const triesNow = new Map(now.map(({ id, tries }) => [id, tries]));
  const gone = before.filter(({ id }) => !triesNow.has(id)).length;
  const refused = before.filter(({ id, tries }) => (triesNow.get(id) ?? 0) > tries).length;
  return { total: before.length, tried: gone + refused, gone };
}

/** Words a progress, at its end or on the way. */
export function progressWords({ total, tried, gone }: Progress, isOver: boolean): string {
  if (!isOver) {
    return `Trying again: ${tried} of ${documents(total)} tried, ${gone} left the quarantine`;
  }
  const untried = total - tried;
  const parts = [
    `${gone} of ${documents(total)} left the quarantine`,
    tried > gone ? `${tried - gone} still can’t be used; the detail says why` : '',
    untried > 0 ? `${untried} could not be tried, or not yet: their raw bytes may no longer be kept` : '',
  ];
  return parts.filter(Boolean).join('; ');
}

export function documents(count: number): string {
  return count === 1 ? '1 document' : `${count.toLocaleString('en-US')} documents`;
}

export function outcomeWords({ outcome, message }: RetryAnswer): string {
  switch (outcome) {
    case 'stored':
      return 'It could be read: it is in the numbers now';
    case 'duplicate':
      return 'It could be read, and had been stored already: it left the quarantine';
    case 'ignored':
      return 'It is no TLS report after all: it left the quarantine';
    case 'quarantined':
      return message ? `It still can’t be used: ${message}` : 'It still can’t be used';
  }
}

const HIDDEN = /\r(?!\n)|[^\P{C}\n\r\t]|[\u2028\u2029]/gu;

/**
 * Words bytes as text, with what can't be seen made visible: control, bidi and
 * zero-width characters by their numbers, and where the bytes are no UTF-8, those
 * beyond ASCII too.
 */
export function visible(bytes: Uint8Array): string {
  return decode(bytes)
    .replace(/\r\n/g, '\n')
    .replace(HIDDEN, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 0x80 ? escaped(code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
    });
}

function escaped(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function decode(bytes: Uint8Array): string {
  try {
    // As a stream, lest a character that the limit cuts make the whole no UTF-8.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : escaped(byte))).join('');
  }
}
