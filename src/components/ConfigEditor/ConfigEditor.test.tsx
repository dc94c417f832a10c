import { type DataSourceSettings, OrgRole } from '@grafana/data';
import { config, getBackendSrv } from '@grafana/runtime';
import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { of, throwError } from 'rxjs';

import { type SourcesAnswer, type SourceStatus, type TlsRptSecrets, type TlsRptSettings } from '../../types';
import { ConfigEditor } from './ConfigEditor';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getBackendSrv: jest.fn(),
}));

type Options = DataSourceSettings<TlsRptSettings, TlsRptSecrets>;

const MAILBOX = {
  id: 'mb1',
  type: 'imap' as const,
  name: 'Report mailbox',
  host: 'imap.example.com',
  username: 'tlsrpt@example.com',
  folders: ['INBOX'],
};
const DROP = { id: 'drop1', type: 'https' as const, name: 'Report drop', url: 'https://drop.example.com/' };

const fetch = jest.fn();

beforeEach(() => {
  fetch.mockReset().mockReturnValue(of({ data: answer([]) }));
  jest.mocked(getBackendSrv).mockReturnValue({ fetch } as unknown as ReturnType<typeof getBackendSrv>);
  config.bootData.user.orgRole = OrgRole.Admin;
});

function answer(sources: Array<Partial<SourceStatus>>): SourcesAnswer {
  const nothing = { seen: 0, stored: 0, duplicate: 0, quarantined: 0, ignored: 0, pending: 0 };
  const calm = { state: 'ok' as const, lastPoll: null, lastSuccess: null, lastError: '', nextPoll: null };
  return {
    sources: sources.map((source) => ({ id: 'mb1', name: '', type: 'imap', ...nothing, ...calm, ...source })),
    store: { kind: 'file', warning: '', bytes: 2048, reports: 3, reread: null },
  };
}

/** Shows the editor as Grafana does, and returns what Grafana would save. */
async function show(jsonData: TlsRptSettings = {}, more: Partial<Options> = {}) {
  const saved = { current: undefined as unknown as Options };
  const initial = {
    uid: 'tlsrpt',
    version: 1,
    readOnly: false,
    jsonData,
    secureJsonFields: {},
    secureJsonData: {},
    ...more,
  } as unknown as Options;
  const Page = () => {
    const [options, setOptions] = useState(initial);
    saved.current = options;
    return <ConfigEditor options={options} onOptionsChange={setOptions} />;
  };
  await act(async () => {
    render(<Page />);
  });
  return saved;
}

const card = (id: string) => within(screen.getByTestId(`source-${id}`));
const add = (name: string) => userEvent.click(screen.getByRole('button', { name }));

async function choose(label: HTMLElement, option: string) {
  await userEvent.click(label);
  await userEvent.click(await screen.findByRole('option', { name: new RegExp(`^${option}`) }));
}

async function remove(id: string) {
  await userEvent.click(card(id).getByRole('button', { name: `Remove ${id}` }));
  await userEvent.click(await screen.findByRole('button', { name: 'Remove' }));
}

describe('the list of sources', () => {
  it('asks the backend nothing before there is a saved source', async () => {
    await show();
    await add('Add mailbox');
    expect(fetch).not.toHaveBeenCalled();
    expect(card('mb1').getByText('Not saved yet')).toBeInTheDocument();
  });

  it('adds a mailbox that changes nothing on its server', async () => {
    const saved = await show();
    await add('Add mailbox');
    expect(saved.current.jsonData.sources).toEqual([
      expect.objectContaining({
        id: 'mb1',
        type: 'imap',
        port: 993,
        security: 'tls',
        folders: ['INBOX'],
        afterProcessing: 'keep',
        trust: 'verify',
      }),
    ]);
  });

  it('never gives the id of a removed source to another one', async () => {
    const saved = await show();
    await add('Add mailbox');
    await remove('mb1');
    await add('Add mailbox');
    await add('Add HTTPS drop');
    expect(saved.current.jsonData.sources?.map(({ id }) => id)).toEqual(['mb2', 'drop1']);
  });

  it('gives no id that secrets are still kept for', async () => {
    const saved = await show({}, { secureJsonFields: { 'source.mb4.password': true } });
    await add('Add mailbox');
    expect(saved.current.jsonData.sources?.[0].id).toBe('mb5');
  });

  it('empties the secrets of a removed source', async () => {
    const saved = await show(
      { sources: [MAILBOX, DROP] },
      { secureJsonFields: { 'source.mb1.password': true, 'source.drop1.token': true } }
    );
    await remove('mb1');
    expect(saved.current.jsonData.sources?.map(({ id }) => id)).toEqual(['drop1']);
    expect(saved.current.secureJsonData).toEqual({ 'source.mb1.password': '' });
    expect(saved.current.secureJsonFields).toEqual({ 'source.mb1.password': false, 'source.drop1.token': true });
  });

  it('asks before it removes', async () => {
    const saved = await show({ sources: [MAILBOX] });
    await userEvent.click(card('mb1').getByRole('button', { name: 'Remove mb1' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
    expect(saved.current.jsonData.sources).toEqual([MAILBOX]);
  });

  it('moves sources up and down', async () => {
    const saved = await show({ sources: [MAILBOX, DROP] });
    const ids = () => saved.current.jsonData.sources?.map(({ id }) => id);
    await userEvent.click(screen.getByRole('button', { name: 'Move drop1 up' }));
    expect(ids()).toEqual(['drop1', 'mb1']);
    await userEvent.click(screen.getByRole('button', { name: 'Move drop1 down' }));
    expect(ids()).toEqual(['mb1', 'drop1']);
    expect(screen.getByRole('button', { name: 'Move mb1 up' })).toBeDisabled();
  });

  it('lets nothing be changed where the data source is provisioned', async () => {
    await show({ sources: [MAILBOX], domainMap: { 'mx.example.net': 'example.com' } }, { readOnly: true });
    for (const field of [...screen.getAllByRole('textbox'), ...screen.getAllByRole('combobox')]) {
      expect(field).toBeDisabled();
    }
    for (const name of ['Add mailbox', 'Add HTTPS drop', 'Add mail server']) {
      expect(screen.getByRole('button', { name })).toBeDisabled();
    }
    expect(screen.getByRole('button', { name: 'Remove mb1' })).toBeDisabled();
  });
});

describe('secrets', () => {
  it('go to the encrypted settings, under the id of their source', async () => {
    const saved = await show({ sources: [MAILBOX] });
    await userEvent.type(card('mb1').getByLabelText(/^Password/), 'hunter2');
    expect(saved.current.secureJsonData).toEqual({ 'source.mb1.password': 'hunter2' });
    expect(JSON.stringify(saved.current.jsonData)).not.toContain('hunter2');
  });

  it('of a drop with a bearer token too', async () => {
    const saved = await show({ sources: [{ ...DROP, auth: 'bearer' }] });
    await userEvent.type(card('drop1').getByLabelText(/^Token/), 't0ken');
    expect(saved.current.secureJsonData).toEqual({ 'source.drop1.token': 't0ken' });
  });

  it('of OAuth too', async () => {
    const oauth = { grant: 'refreshToken' as const, tokenUrl: '', clientId: '', scopes: [] };
    const saved = await show({ sources: [{ ...MAILBOX, auth: 'xoauth2', oauth }] });
    await userEvent.type(card('mb1').getByLabelText(/^Client secret/), 'cs');
    await userEvent.type(card('mb1').getByLabelText(/^Refresh token/), 'rt');
    expect(saved.current.secureJsonData).toEqual({ 'source.mb1.clientSecret': 'cs', 'source.mb1.refreshToken': 'rt' });
    expect(card('mb1').queryByLabelText(/^Password/)).not.toBeInTheDocument();
  });

  it('are not shown once they are saved, and can be reset', async () => {
    const saved = await show({ sources: [MAILBOX] }, { secureJsonFields: { 'source.mb1.password': true } });
    expect(card('mb1').getByLabelText(/^Password/)).toHaveValue('configured');
    await userEvent.click(card('mb1').getByRole('button', { name: 'Reset' }));
    expect(saved.current.secureJsonFields).toMatchObject({ 'source.mb1.password': false });
    expect(card('mb1').getByLabelText(/^Password/)).toHaveValue('');
  });
});

describe('the fields of a source', () => {
  it('ask for a folder only where mails are moved', async () => {
    const saved = await show({ sources: [MAILBOX] });
    expect(card('mb1').queryByLabelText(/^Move to folder/)).not.toBeInTheDocument();
    await choose(card('mb1').getByLabelText(/^After reading/), 'Move');
    await userEvent.type(card('mb1').getByLabelText(/^Move to folder/), 'Done');
    expect(saved.current.jsonData.sources?.[0]).toMatchObject({ afterProcessing: 'move', moveTo: 'Done' });
  });

  it('take the usual port along with the encryption', async () => {
    const saved = await show({ sources: [{ ...MAILBOX, port: 993 }] });
    await choose(card('mb1').getByLabelText(/^Encryption/), 'STARTTLS');
    expect(saved.current.jsonData.sources?.[0]).toMatchObject({ security: 'starttls', port: 143 });
  });

  it('are filled in for Exchange Online, but for the tenant', async () => {
    const saved = await show({ sources: [MAILBOX] });
    await userEvent.click(card('mb1').getByRole('button', { name: 'Fill in for a provider' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Exchange Online' }));
    expect(saved.current.jsonData.sources?.[0]).toMatchObject({
      host: 'outlook.office365.com',
      auth: 'xoauth2',
      username: 'tlsrpt@example.com',
      oauth: { grant: 'clientCredentials', scopes: ['https://outlook.office365.com/.default'] },
    });
    expect(card('mb1').getByText(/Put the id of your tenant/)).toBeInTheDocument();
  });

  it('drop the blanks that pasting brings', async () => {
    const saved = await show({ sources: [{ ...MAILBOX, host: '' }] });
    await userEvent.type(card('mb1').getByLabelText(/^Host/), ' imap.example.com ');
    await userEvent.tab();
    expect(saved.current.jsonData.sources?.[0]).toMatchObject({ host: 'imap.example.com' });
  });

  it('say what is wrong, but not before an empty one was left', async () => {
    await show({ sources: [{ ...MAILBOX, host: '', port: 70000 }] });
    expect(card('mb1').getByText(/A port is a whole number/)).toBeInTheDocument();
    expect(card('mb1').queryByText(/Enter the host name/)).not.toBeInTheDocument();
    await userEvent.click(card('mb1').getByLabelText(/^Host/));
    await userEvent.tab();
    expect(card('mb1').getByText(/Enter the host name/)).toBeInTheDocument();
  });
});

describe('the settings of all sources', () => {
  it('take domains as pasted lines', async () => {
    const saved = await show();
    await userEvent.click(screen.getByLabelText(/^Your domains/));
    await userEvent.paste('example.com\n*.example.org, example.net');
    expect(saved.current.jsonData.domains).toEqual(['example.com', '*.example.org', 'example.net']);
  });

  it('keep pairs of mail server and domain, once they are complete', async () => {
    const saved = await show();
    await userEvent.click(screen.getByRole('button', { name: 'Add mail server' }));
    await userEvent.type(screen.getByLabelText('Mail server 1'), 'mx1.example.net');
    expect(saved.current.jsonData.domainMap).toEqual({});
    await userEvent.type(screen.getByLabelText('Domain of mail server 1'), 'example.com');
    expect(saved.current.jsonData.domainMap).toEqual({ 'mx1.example.net': 'example.com' });
  });

  it('ask for the mail server’s name only where its headers are believed', async () => {
    const saved = await show();
    expect(screen.queryByLabelText(/^Name of your mail server/)).not.toBeInTheDocument();
    await choose(screen.getByLabelText(/^How reports are authenticated/), 'Believe my mail server');
    await userEvent.type(screen.getByLabelText(/^Name of your mail server/), 'mx.example.com');
    expect(saved.current.jsonData).toMatchObject({ authentication: 'headers', authservId: 'mx.example.com' });
  });
});

describe('the state of saved sources', () => {
  it('shows how far the first synchronization is', async () => {
    const progress = { done: 1240, total: 3000 };
    fetch.mockReturnValue(of({ data: answer([{ state: 'syncing', progress }]) }));
    await show({ sources: [MAILBOX] });
    expect(await screen.findByText('1,240 of 3,000 mails read')).toBeInTheDocument();
    expect(screen.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '1240');
    expect(fetch).toHaveBeenCalledWith(
      expect.objectContaining({ method: 'GET', url: '/api/datasources/uid/tlsrpt/resources/sources' })
    );
  });

  it('shows the last error and the account', async () => {
    const state = { state: 'failing' as const, lastError: 'host: no such host', seen: 10, stored: 7, duplicate: 3 };
    fetch.mockReturnValue(of({ data: answer([state]) }));
    await show({ sources: [MAILBOX] });
    expect(await screen.findByText('host: no such host')).toBeInTheDocument();
    expect(screen.getByText('10 seen: 7 stored, 3 duplicate, 0 quarantined, 0 ignored')).toBeInTheDocument();
  });

  it('asks again every two seconds while a source is being read', async () => {
    jest.useFakeTimers();
    try {
      fetch.mockReturnValue(of({ data: answer([{ state: 'syncing' }]) }));
      await show({ sources: [MAILBOX] });
      expect(fetch).toHaveBeenCalledTimes(1);
      await act(() => jest.advanceTimersByTimeAsync(2000));
      expect(fetch).toHaveBeenCalledTimes(2);
    } finally {
      jest.useRealTimers();
    }
  });

  it('polls now for those who may edit', async () => {
    fetch.mockReturnValue(of({ data: answer([{}]) }));
    await show({ sources: [MAILBOX] });
    await userEvent.click(await screen.findByRole('button', { name: 'Poll mb1 now' }));
    await waitFor(() =>
      expect(fetch).toHaveBeenCalledWith(
        expect.objectContaining({ method: 'POST', url: '/api/datasources/uid/tlsrpt/resources/sources/mb1/poll' })
      )
    );
  });

  it('offers no poll to viewers', async () => {
    config.bootData.user.orgRole = OrgRole.Viewer;
    fetch.mockReturnValue(of({ data: answer([{}]) }));
    await show({ sources: [MAILBOX] });
    await screen.findByTestId('source-state');
    expect(screen.queryByRole('button', { name: 'Poll mb1 now' })).not.toBeInTheDocument();
  });

  it('says what went wrong where the backend does not answer', async () => {
    fetch.mockReturnValue(throwError(() => ({ status: 500, data: { message: 'the store is closed' } })));
    await show({ sources: [MAILBOX] });
    expect(await screen.findByText('the store is closed')).toBeInTheDocument();
  });

  it('says how far stored reports are read again', async () => {
    const reread = { done: 250, total: 1000, message: 'Reading 250 of 1,000 reports again, with a newer parser.' };
    fetch.mockReturnValue(of({ data: { ...answer([{}]), store: { ...answer([]).store, reread } } }));
    await show({ sources: [MAILBOX] });
    expect(await screen.findByText(reread.message)).toBeInTheDocument();
    expect(screen.getByRole('progressbar', { name: 'Reading stored reports again' })).toHaveAttribute(
      'aria-valuetext',
      '250 of 1,000 reports read'
    );
  });

  it('warns where reports are kept in memory', async () => {
    const store = { ...answer([]).store, kind: 'memory' as const, warning: 'The folder can’t be written' };
    fetch.mockReturnValue(of({ data: { ...answer([{}]), store } }));
    await show({ sources: [MAILBOX] });
    expect(await screen.findByText('The folder can’t be written')).toBeInTheDocument();
  });
});

describe('the quarantine', () => {
  it('is asked for when it is opened, for all of time', async () => {
    fetch.mockImplementation(({ url }: { url: string }) =>
      of({ data: url === '/api/ds/query' ? { results: {} } : answer([{}]) })
    );
    await show({ sources: [MAILBOX] });
    const asked = () => fetch.mock.calls.filter(([{ url }]) => url === '/api/ds/query');
    expect(asked()).toHaveLength(0);
    await userEvent.click(screen.getByRole('button', { name: 'Expand section Quarantine' }));
    expect(await screen.findByText(/^Nothing is in quarantine/)).toBeInTheDocument();
    expect(asked()[0][0].data).toMatchObject({
      from: '0',
      queries: [{ queryType: 'quarantine', datasource: { uid: 'tlsrpt' }, filters: [] }],
    });
  });
});
