import { config, getBackendSrv } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { of, throwError } from 'rxjs';

import { type AlertRule, type PresentRule, type RuleGroup } from '../../alertRules';
import { AlertRulesSection } from './AlertRulesSection';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getBackendSrv: jest.fn(),
}));

const rule = (uid: string): AlertRule => ({
  uid,
  title: `Title of ${uid}`,
  folderUID: 'tlsrpt',
  ruleGroup: 'TLS-RPT',
  condition: 'fires',
  noDataState: 'OK',
  execErrState: 'KeepLast',
  for: '0s',
  isPaused: false,
  data: [],
});
const GROUP: RuleGroup = { title: 'TLS-RPT', folderUid: 'tlsrpt', interval: 300, rules: [rule('a'), rule('b')] };

interface Request {
  method: string;
  url: string;
  data?: unknown;
  headers?: Record<string, string>;
}

/** A Grafana that holds these rules; what is asked for and refused has its status instead. */
function grafana(present: PresentRule[], refused: Record<string, number> = {}) {
  const written: Request[] = [];
  const answers: Array<[RegExp, unknown]> = [
    [/resources\/alerts$/, { folder: { uid: 'tlsrpt', title: 'TLS-RPT' }, groups: [GROUP] }],
    [/alert-rules$/, present],
    [/rule-groups/, { ...GROUP, rules: present }],
  ];
  const fetch = ({ method, url, data, headers }: Request) => {
    const status = refused[`${method} ${url}`];
    if (status) {
      return throwError(() => ({ status, data: { message: `refused with ${status}` }, config: {} }));
    }
    if (method !== 'GET') {
      written.push({ method, url, data, headers });
    }
    return of({ data: answers.find(([pattern]) => pattern.test(url))?.[1] ?? {} });
  };
  jest.mocked(getBackendSrv).mockReturnValue({ fetch } as unknown as ReturnType<typeof getBackendSrv>);
  return written;
}

async function press() {
  render(<AlertRulesSection uid="mine" />);
  await userEvent.click(screen.getByRole('button', { name: 'Add alert rules' }));
}

beforeEach(() => {
  config.unifiedAlertingEnabled = true;
});

describe('the button for alert rules', () => {
  it('makes the folder and the group, so that people can edit the rules', async () => {
    const written = grafana([], { 'GET /api/folders/tlsrpt': 404 });
    await press();
    expect(await screen.findByText('Added to the folder “TLS-RPT”: 2 alert rules')).toBeInTheDocument();
    expect(written).toMatchObject([
      { method: 'POST', url: '/api/folders', data: { uid: 'tlsrpt', title: 'TLS-RPT' } },
      {
        method: 'PUT',
        url: '/api/v1/provisioning/folder/tlsrpt/rule-groups/TLS-RPT',
        data: GROUP,
        headers: { 'X-Disable-Provenance': 'true' },
      },
    ]);
    expect(screen.getByRole('link', { name: /^Look at the rules/ })).toHaveAttribute(
      'href',
      expect.stringContaining('/alerting/list')
    );
  });

  it('changes nothing where all are there', async () => {
    const written = grafana([rule('a'), rule('b')]);
    await press();
    expect(await screen.findByText('Already there: 2 alert rules')).toBeInTheDocument();
    expect(written).toEqual([]);
  });

  it('adds what is missing, and says what was there', async () => {
    const written = grafana([rule('a')]);
    await press();
    expect(await screen.findByText('Added to the folder “TLS-RPT”: 1 alert rule')).toBeInTheDocument();
    expect(screen.getByText(/^Already there: 1 alert rule\./)).toBeInTheDocument();
    expect(written).toMatchObject([{ method: 'PUT', data: { rules: [{ uid: 'a' }, { uid: 'b' }] } }]);
  });

  it('asks before it replaces, and keeps what is to be kept', async () => {
    const written = grafana([{ ...rule('a'), title: 'Ours' }, rule('b')]);
    await press();
    await userEvent.click(await screen.findByRole('button', { name: 'Keep them' }));
    expect(await screen.findByText(/Kept as changed: 1 alert rule/)).toBeInTheDocument();
    expect(written).toEqual([]);
  });

  it('replaces what is to be replaced', async () => {
    const written = grafana([{ ...rule('a'), title: 'Ours' }, rule('b')]);
    await press();
    expect(await screen.findByText('Ours')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Replace them' }));
    expect(await screen.findByText('Replaced: 1 alert rule')).toBeInTheDocument();
    expect(written).toMatchObject([
      { method: 'PUT', url: '/api/v1/provisioning/alert-rules/a', data: { title: 'Title of a' } },
    ]);
  });

  it('leaves rules from a file alone', async () => {
    const written = grafana([{ ...rule('a'), provenance: 'file' }]);
    await press();
    expect(await screen.findByText(/which alone can change them.*Not among them: 1 alert rule/)).toBeInTheDocument();
    expect(written).toEqual([]);
  });

  it('does not ask about changed rules where others are from a file', async () => {
    const written = grafana([
      { ...rule('a'), provenance: 'file' },
      { ...rule('b'), title: 'Ours' },
    ]);
    await press();
    expect(await screen.findByText(/which alone can change them: nothing was done/)).toBeInTheDocument();
    expect(screen.queryByText('Replace changed alert rules?')).not.toBeInTheDocument();
    expect(written).toEqual([]);
  });

  it('names the role to those without the right, and another way', async () => {
    grafana([], { 'PUT /api/v1/provisioning/folder/tlsrpt/rule-groups/TLS-RPT': 403 });
    await press();
    expect(await screen.findByText('Grafana does not let you add alert rules')).toBeInTheDocument();
    expect(screen.getByText(/role Editor or Admin.*--datasource-uid mine.*refused with 403/)).toBeInTheDocument();
  });

  it('says what else went wrong', async () => {
    grafana([], { 'GET /api/v1/provisioning/alert-rules': 500 });
    await press();
    expect(await screen.findByText('The alert rules could not be added')).toBeInTheDocument();
    expect(screen.getByText('refused with 500')).toBeInTheDocument();
  });

  it('is not there without Grafana’s alerting', () => {
    config.unifiedAlertingEnabled = false;
    render(<AlertRulesSection uid="mine" />);
    expect(screen.queryByRole('button', { name: 'Add alert rules' })).not.toBeInTheDocument();
    expect(screen.getByText(/alerting is turned off/)).toBeInTheDocument();
  });
});
