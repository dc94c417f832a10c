import { readFileSync } from 'fs';
import path from 'path';

import { DIMENSIONS, METRICS, QUERY_TYPES } from './words';

const TEXT = readFileSync(path.resolve(__dirname, '../README.md'), 'utf8');

/** The part of the README that lists the words of queries. */
const [, queries] = TEXT.split(/^## Queries$/m);
const README = queries.split(/^## /m)[0];

/** The words in the first column of the table whose head begins so. */
function wordsOf(head: string): string[] {
  const [, rest] = README.split(`| ${head} |`);
  const rows = rest.split('\n\n')[0].split('\n').slice(2);
  return rows.flatMap((row) => [...row.split('|')[1].matchAll(/`(\w+)`/g)].map(([, word]) => word));
}

/** What other panels show already, and what one does not ask for every day. */
const SHOWN_ELSEWHERE = /^tlsrpt_(items_\w+|last_success_timestamp_seconds|store_open_duration_seconds)$/;

it('the panels on the plugin at work name every metric', () => {
  const { panels } = JSON.parse(readFileSync(path.resolve(__dirname, '../dashboards/collection.json'), 'utf8'));
  const counters = panels.filter(({ targets }: { targets?: Array<{ queryType: string }> }) =>
    targets?.some(({ queryType }) => queryType === 'counters')
  );
  const named = new Set(JSON.stringify(counters).match(/tlsrpt_\w+/g));
  const documented = [...TEXT.matchAll(/^\| `(tlsrpt_\w+)` \|/gm)].map(([, name]) => name);
  expect(documented.length).toBeGreaterThan(20);
  expect([...named].sort()).toEqual(documented.filter((name) => !SHOWN_ELSEWHERE.test(name)).sort());
});

describe('the editor offers what the README says can be asked', () => {
  it('every query type, and no other', () => {
    expect(Object.keys(QUERY_TYPES).sort()).toEqual(wordsOf('`queryType` | Answer').sort());
  });

  it('every metric, those for alert rules too, and no other', () => {
    const words = [...wordsOf('Metric | What it counts'), ...wordsOf('Metric | What it counts | Grouped by')];
    expect(Object.keys(METRICS).sort()).toEqual([...new Set(words)].sort());
  });

  it('every dimension', () => {
    expect(Object.keys(DIMENSIONS).filter((dimension) => !README.includes(`\`${dimension}\``))).toEqual([]);
  });
});
