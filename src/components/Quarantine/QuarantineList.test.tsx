import { OrgRole } from '@grafana/data';
import { config, getBackendSrv } from '@grafana/runtime';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { of, throwError } from 'rxjs';
import { TextDecoder, TextEncoder } from 'util';

import { QuarantineList } from './QuarantineList';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getBackendSrv: jest.fn(),
}));

Object.assign(globalThis, { TextDecoder });

const fetch = jest.fn();
const EVIL = '<img src=x onerror="window.hit=1">\u202e';
const FIELDS = ['time', 'reason', 'detail', 'source', 'reference', 'size', 'tries', 'parserVersion', 'id'] as const;

type Row = [id: number, reason: string, tries?: number];

/** The answer to the query, as Grafana's API gives it. */
function quarantine(...rows: Row[]) {
  const cells = rows.map(([id, reason, tries = 1]) => [
    1e12,
    reason,
    `detail ${id}`,
    'mb1',
    'INBOX',
    2048,
    tries,
    1,
    id,
  ]);
  const words = rows.map(([, reason]) => [`Meaning of ${reason}.`, `Fix of ${reason}.`]);
  const names = [...FIELDS, 'meaning', 'fix'];
  const values = names.map((_, column) => rows.map((__, row) => [...cells[row], ...words[row]][column]));
  const fields = names.map((name) => ({ name, type: name === 'time' ? 'time' : 'string' }));
  const frame =
    rows.length > 0 ? { schema: { fields }, data: { values } } : { schema: { fields: [] }, data: { values: [] } };
  return { data: { results: { A: { status: 200, frames: [frame] } } } };
}

/** Answers the query with each list in turn, the last one for ever, and other calls by their address. */
function serve(lists: Row[][], calls: Record<string, () => unknown> = {}) {
  let asked = 0;
  fetch.mockImplementation(({ url }: { url: string }) => {
    if (url === '/api/ds/query') {
      return of(quarantine(...lists[Math.min(asked++, lists.length - 1)]));
    }
    const path = Object.keys(calls).find((end) => url.endsWith(end));
    return path ? calls[path]() : throwError(() => ({ status: 404, data: { message: `no answer for ${url}` } }));
  });
}

beforeEach(() => {
  fetch.mockReset();
  jest.mocked(getBackendSrv).mockReturnValue({ fetch } as unknown as ReturnType<typeof getBackendSrv>);
  config.bootData.user.orgRole = OrgRole.Editor;
});

async function show() {
  await act(async () => {
    render(
      <QuarantineList uid="tlsrpt" request={{ filters: [], from: 0, to: 2e12 }} emptyText="Nothing is in quarantine." />
    );
  });
}

const open = (reason: string) =>
  userEvent.click(screen.getByRole('button', { name: new RegExp(`Meaning of ${reason}`) }));

describe('the quarantine', () => {
  it('lists reasons in words with counts, and items below them', async () => {
    serve([
      [
        [1, 'invalid-json'],
        [2, 'too-large'],
        [3, 'too-large'],
      ],
    ]);
    await show();
    expect(screen.getByText('3 documents in quarantine')).toBeInTheDocument();
    const sections = screen.getAllByRole('region').map((section) => section.getAttribute('aria-label'));
    expect(sections).toEqual(['Reason too-large', 'Reason invalid-json']);
    expect(screen.queryByText('detail 2')).not.toBeInTheDocument();
    await open('too-large');
    expect(screen.getByText('Fix of too-large.')).toBeInTheDocument();
    expect(screen.getByText('detail 2')).toBeInTheDocument();
    expect(within(screen.getByTestId('quarantine-3')).getByText('2.0 KiB')).toBeInTheDocument();
  });

  it('says that it is empty', async () => {
    serve([[]]);
    await show();
    expect(screen.getByText('Nothing is in quarantine.')).toBeInTheDocument();
    expect(screen.queryByRole('button')).not.toBeInTheDocument();
  });

  it('says why it can’t be read, and reads it again', async () => {
    fetch.mockReturnValueOnce(throwError(() => ({ status: 500, data: { message: 'the store is closed' } })));
    await show();
    expect(screen.getByText('the store is closed')).toBeInTheDocument();
    serve([[]]);
    await userEvent.click(screen.getByRole('button', { name: 'Read it again' }));
    expect(await screen.findByText('Nothing is in quarantine.')).toBeInTheDocument();
    expect(screen.queryByText('the store is closed')).not.toBeInTheDocument();
  });

  it('gives viewers the list and no button to work with', async () => {
    config.bootData.user.orgRole = OrgRole.Viewer;
    serve([[[1, 'invalid-json']]]);
    await show();
    await open('invalid-json');
    expect(screen.getByText('detail 1')).toBeInTheDocument();
    expect(screen.getByText(/you need the Editor role/)).toBeInTheDocument();
    expect(screen.getAllByRole('button')).toHaveLength(1);
    expect(screen.queryByRole('link')).not.toBeInTheDocument();
  });

  it('shows raw bytes as text, and only their start', async () => {
    const raw = new TextEncoder().encode(EVIL + 'x'.repeat(100_000)).buffer;
    serve([[[1, 'invalid-json']]], { 'quarantine/1/raw': () => of({ data: raw }) });
    await show();
    await open('invalid-json');
    await userEvent.click(screen.getByRole('button', { name: 'Look at document 1' }));
    const shown = await screen.findByTestId('raw-bytes');
    expect(shown.textContent).toMatch(/^<img src=x onerror="window.hit=1">⟨U\+202E⟩x+$/);
    expect(shown.textContent?.length).toBeLessThan(66_000);
    expect(shown.children).toHaveLength(0);
    expect(fetch).toHaveBeenCalledWith(expect.objectContaining({ headers: { Range: 'bytes=0-65535' } }));
  });

  it('says why there are no bytes to look at', async () => {
    const data = new TextEncoder().encode('{"message":"No bytes of this were read."}').buffer;
    serve([[[1, 'too-large']]], { 'quarantine/1/raw': () => throwError(() => ({ status: 410, data })) });
    await show();
    await open('too-large');
    await userEvent.click(screen.getByRole('button', { name: 'Look at document 1' }));
    expect(await screen.findByText('No bytes of this were read.')).toBeInTheDocument();
  });

  it('downloads from the data source itself', async () => {
    serve([[[7, 'invalid-json']]]);
    await show();
    await open('invalid-json');
    expect(screen.getByRole('link', { name: 'Download document 7' })).toHaveAttribute(
      'href',
      '/api/datasources/uid/tlsrpt/resources/quarantine/7/raw'
    );
  });

  it('tries one again and says what came of it', async () => {
    serve([[[1, 'foreign-domain']], []], {
      'quarantine/1/retry': () => of({ data: { outcome: 'stored', message: '' } }),
    });
    await show();
    await open('foreign-domain');
    await userEvent.click(screen.getByRole('button', { name: 'Try document 1 again' }));
    expect(await screen.findByText(/it is in the numbers now/)).toBeInTheDocument();
    expect(await screen.findByText('Nothing is in quarantine.')).toBeInTheDocument();
  });

  it('says what the backend refuses', async () => {
    const data = { message: 'A retry is already under way.' };
    serve([[[1, 'a']]], { 'quarantine/retry?reason=': () => throwError(() => ({ status: 409, data })) });
    await show();
    await userEvent.click(screen.getByRole('button', { name: 'Try everything again' }));
    expect(await screen.findByText('A retry is already under way.')).toBeInTheDocument();
  });

  it('tries all of a reason again, and follows it to its end', async () => {
    jest.useFakeTimers();
    try {
      const before: Row[] = [
        [1, 'a/b'],
        [2, 'a/b'],
        [3, 'a/b'],
      ];
      serve(
        [
          before,
          [
            [2, 'a/b'],
            [3, 'a/b'],
          ],
          [[3, 'a/b', 2]],
        ],
        { 'retry?reason=a%2Fb': () => of({ data: {} }) }
      );
      const user = userEvent.setup({ advanceTimers: jest.advanceTimersByTime });
      await show();
      await user.click(screen.getByRole('button', { name: 'Try all of a/b again' }));
      await act(() => jest.advanceTimersByTimeAsync(2000));
      expect(screen.getByText('Trying again: 1 of 3 documents tried, 1 left the quarantine')).toBeInTheDocument();
      expect(screen.getByRole('button', { name: 'Try everything again' })).toBeDisabled();
      await act(() => jest.advanceTimersByTimeAsync(2000));
      expect(screen.getByText(/^2 of 3 documents left the quarantine; 1 still can’t be used/)).toBeInTheDocument();
      expect(screen.getByRole('button', { name: 'Try everything again' })).toBeEnabled();
    } finally {
      jest.useRealTimers();
    }
  });
});
