import { TextDecoder, TextEncoder } from 'util';

import { byReason, outcomeWords, progressOf, progressWords, type QuarantineItem, visible } from './quarantine';

Object.assign(globalThis, { TextDecoder });

const bytes = (text: string) => new TextEncoder().encode(text);

function item(id: number, part: Partial<QuarantineItem> = {}): QuarantineItem {
  const words = { reason: 'invalid-json', meaning: 'It is no JSON.', fix: 'Look at it.', detail: 'line 1' };
  return { id, time: 0, ...words, source: 'mb1', reference: 'r', size: 1, tries: 1, parserVersion: 1, ...part };
}

describe('raw bytes as text', () => {
  const cases: Array<[string, Uint8Array, string]> = [
    ['text of any script is itself', bytes('{"a": "Grüße 日本"}'), '{"a": "Grüße 日本"}'],
    ['HTML is itself: it is shown as text', bytes('<img src=x onerror=alert(1)>'), '<img src=x onerror=alert(1)>'],
    ['the line ends of mails are line ends', bytes('a\r\nb\n\tc'), 'a\nb\n\tc'],
    [
      'control characters are numbers',
      bytes('\u0000\u0007\u001b[31m\r\u007f\u0085'),
      '\\x00\\x07\\x1b[31m\\x0d\\x7f⟨U+0085⟩',
    ],
    ['characters that turn the direction are numbers', bytes('a\u202eb\u2066c\u2069'), 'a⟨U+202E⟩b⟨U+2066⟩c⟨U+2069⟩'],
    ['characters without a width are numbers', bytes('a\u200bb\u00ad\ufeff'), 'a⟨U+200B⟩b⟨U+00AD⟩⟨U+FEFF⟩'],
    ['separators of lines are numbers', bytes('a\u2028b'), 'a⟨U+2028⟩b'],
    ['bytes that are no UTF-8 are numbers', new Uint8Array([0x1f, 0x8b, 0x41, 0xff]), '\\x1f\\x8bA\\xff'],
    ['a character that the limit cut is left out', bytes('aü').subarray(0, 2), 'a'],
  ];
  it.each(cases)('%s', (_, raw, want) => {
    expect(visible(raw)).toBe(want);
  });
});

describe('trying again', () => {
  it('counts what was tried and what is gone', () => {
    const before = [item(1), item(2), item(3), item(4)];
    const now = [item(2), item(3, { tries: 2 }), item(9)];
    expect(progressOf(before, now)).toEqual({ total: 4, tried: 3, gone: 2 });
  });

  it('says how far it is and what came of it', () => {
    expect(progressWords({ total: 4, tried: 2, gone: 1 }, false)).toBe(
      'Trying again: 2 of 4 documents tried, 1 left the quarantine'
    );
    expect(progressWords({ total: 1, tried: 1, gone: 1 }, true)).toBe('1 of 1 document left the quarantine');
    const words = progressWords({ total: 4, tried: 3, gone: 1 }, true);
    expect(words).toMatch(/^1 of 4 documents left the quarantine; 2 still can’t be used.*; 1 could not be tried/);
  });

  it('words every outcome', () => {
    expect(outcomeWords({ outcome: 'stored', message: '' })).toMatch(/in the numbers now/);
    expect(outcomeWords({ outcome: 'duplicate', message: '' })).toMatch(/stored already/);
    expect(outcomeWords({ outcome: 'ignored', message: '' })).toMatch(/no TLS report/);
    expect(outcomeWords({ outcome: 'quarantined', message: 'it ends early' })).toMatch(/can’t be used: it ends early$/);
  });
});

it('puts items of one reason together, the most frequent first', () => {
  const groups = byReason([item(1, { reason: 'a' }), item(2, { reason: 'b' }), item(3, { reason: 'b' })]);
  expect(groups.map(({ reason, items }) => [reason, items.length])).toEqual([
    ['b', 2],
    ['a', 1],
  ]);
});
