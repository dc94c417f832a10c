import { expect, test } from '@grafana/plugin-e2e';
import { type APIRequestContext, type Page } from '@playwright/test';
import { readFileSync } from 'fs';

import { mailbox, TYPE } from './environment';
import { explore } from './explore';
import { DOMAINS, hostileMails, PAYLOADS } from './hostile';
import { fillFolder } from './mailbox';

/** Of the data source, and of all that is made beside it. */
const UID = 'tlsrpt-hostile';
const DASHBOARD = UID;
const REF = { type: TYPE, uid: UID };

/** What the plugin makes of a payload: hidden characters are gone, formulas have an apostrophe before them. */
const SHOWN = {
  script: PAYLOADS.script,
  image: PAYLOADS.image,
  template: PAYLOADS.template,
  bidi: 'safegnp.exehidden',
  control: 'nulbellansi[31mred]0;titlec1',
  equals: `'${PAYLOADS.equals}`,
};

async function readHostileMails(request: APIRequestContext) {
  const mails = hostileMails();
  await fillFolder('Hostile', mails);
  await request.delete(`/api/datasources/uid/${UID}`);
  const created = await request.post('/api/datasources', {
    data: {
      uid: UID,
      name: 'Hostile reports',
      type: TYPE,
      access: 'proxy',
      jsonData: {
        sources: [
          {
            id: 'mb1',
            type: 'imap',
            name: 'Hostile',
            host: mailbox.host,
            port: Number(mailbox.port),
            security: 'tls',
            username: mailbox.user,
            auth: 'password',
            folders: ['Hostile'],
            tlsCaCert: mailbox.ca,
            pollInterval: '1m',
          },
        ],
        authentication: 'off',
      },
      secureJsonData: { 'source.mb1.password': mailbox.password },
    },
  });
  expect(created.ok(), await created.text()).toBe(true);
  await expect(async () => {
    const { sources } = await (await request.get(`/api/datasources/uid/${UID}/resources/sources`)).json();
    expect(sources[0].seen).toBeGreaterThanOrEqual(mails.length);
  }).toPass({ timeout: 60_000 });
}

function panel(id: number, type: string, title: string, y: number, query: object) {
  const targets = [{ refId: 'A', datasource: REF, filters: [], ...query }];
  const options = type === 'timeseries' ? { tooltip: { mode: 'multi' }, legend: { showLegend: true } } : {};
  return { id, type, title, datasource: REF, gridPos: { x: 0, y, w: 24, h: 12 }, options, targets };
}

const PANELS = [
  panel(1, 'timeseries', 'Series', 0, { queryType: 'trend', metric: 'failedSessions', groupBy: ['reporter'] }),
  panel(2, 'table', 'Failures', 12, { queryType: 'failures' }),
  panel(3, 'table', 'Reports', 24, { queryType: 'reports' }),
  panel(4, 'table', 'Reporters', 36, { queryType: 'reporters' }),
  panel(5, 'table', 'Quarantine', 48, { queryType: 'quarantine' }),
  panel(6, 'barchart', 'Bars', 60, { queryType: 'summary', metric: 'failedSessions', groupBy: ['resultType'] }),
  panel(7, 'table', 'Summary', 72, {
    queryType: 'summary',
    metrics: ['reports', 'failedSessions'],
    groupBy: ['policyDomain'],
  }),
  panel(8, 'table', 'Chosen', 84, {
    queryType: 'reports',
    filters: [{ dimension: 'reporter', operator: '=', values: ['$reporter'] }],
  }),
  panel(9, 'timeseries', 'Domains', 96, { queryType: 'trend', metric: 'reports', groupBy: ['policyDomain'] }),
];

async function saveDashboard(request: APIRequestContext) {
  const reporter = {
    type: 'query',
    name: 'reporter',
    datasource: REF,
    query: { refId: 'variable', dimension: 'reporter', filters: [] },
    refresh: 2,
    multi: true,
    includeAll: true,
    current: { text: 'All', value: '$__all' },
  };
  const dashboard = {
    uid: DASHBOARD,
    title: 'Hostile',
    time: { from: 'now-7d', to: 'now' },
    templating: { list: [reporter] },
    panels: PANELS,
  };
  const saved = await request.post('/api/dashboards/db', { data: { dashboard, overwrite: true } });
  expect(saved.ok(), await saved.text()).toBe(true);
}

/** Fails the test where a page shows a dialog, and returns a check that nothing a stranger wrote ran or became an element. */
function watch(page: Page): () => Promise<void> {
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  return async () => {
    expect(dialogs).toEqual([]);
    expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
    await expect(page.locator('.pwned, [onerror], iframe[srcdoc], [href^="javascript:" i]')).toHaveCount(0);
    expect(await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069\u200f\u061c]/.test(document.body.innerText))).toBe(
      false
    );
  };
}

test.describe('what strangers write', () => {
  test.skip(!mailbox.host, 'TLSRPT_E2E_IMAP_HOST names no mailbox to put hostile reports into');

  test.beforeAll(async ({ request }) => {
    await readHostileMails(request);
    await saveDashboard(request);
  });

  test.afterAll(async ({ request }) => {
    await request.delete(`/api/v1/provisioning/alert-rules/${UID}`, { headers: { 'X-Disable-Provenance': 'true' } });
    await request.delete(`/api/folders/${UID}`);
    await request.delete(`/api/dashboards/uid/${DASHBOARD}`);
    await request.delete(`/api/datasources/uid/${UID}`);
  });

  test('is text in panels, legends, tooltips and variables', async ({ page }) => {
    const wantHarmless = watch(page);
    await page.setViewportSize({ width: 1600, height: 5200 });
    await page.goto(`/d/${DASHBOARD}`);
    for (const text of [SHOWN.script, SHOWN.image, SHOWN.template, SHOWN.bidi, SHOWN.control, SHOWN.equals]) {
      await expect(page.getByText(text, { exact: true }).first()).toBeAttached();
    }
    await wantHarmless();

    await page.getByTestId('data-testid Panel header Series').locator('.u-over').hover();
    const tooltip = page.locator('#grafana-portal-container');
    await expect(tooltip.getByText(SHOWN.image, { exact: true })).toBeAttached();
    await wantHarmless();

    await page.getByText('All', { exact: true }).first().click();
    await expect(page.getByRole('option').filter({ hasText: '<img src=x' }).first()).toBeVisible();
    await wantHarmless();
  });

  test('is text in Explore', async ({ page }) => {
    const wantHarmless = watch(page);
    for (const queryType of ['failures', 'reports', 'quarantine']) {
      await explore(page, UID, 'now-7d', { queryType, filters: [] });
      await expect(page.getByText('hostile.example').or(page.getByText('invalid-domain')).first()).toBeVisible();
      await wantHarmless();
    }
  });

  test('is text where the raw bytes of quarantine are looked at', async ({ page }) => {
    const wantHarmless = watch(page);
    await explore(page, UID, 'now-7d', { queryType: 'quarantine', filters: [] });
    const section = page.getByRole('region', { name: 'Reason invalid-domain' });
    await section.getByRole('button', { expanded: false }).click();
    for (const button of await section.getByRole('button', { name: /^Look at document/ }).all()) {
      await button.click();
      await expect(page.getByTestId('raw-bytes')).toContainText('"organization-name"');
      await expect(page.getByTestId('raw-bytes').locator('*')).toHaveCount(0);
      await wantHarmless();
      await page.keyboard.press('Escape');
      await expect(page.getByTestId('raw-bytes')).toBeHidden();
    }
  });

  test('is no formula in CSV exports', async ({ page }) => {
    test.setTimeout(240_000);
    for (const { id, title } of PANELS) {
      await test.step(`panel “${title}”`, async () => {
        const cells = cellsOf(await exportCsv(page, id, title));
        expect(cells.length).toBeGreaterThan(2);
        expect(cells.filter((cell) => /^\s*[=+\-@\t\r]/.test(cell) && !/^[+-]?[\d.,]+$/.test(cell))).toEqual([]);
      });
    }
  });

  test('is found again by a variable, with and without its apostrophe', async ({ page }) => {
    for (const value of [PAYLOADS.equals, `'${PAYLOADS.equals}`, PAYLOADS.plus, PAYLOADS.image, PAYLOADS.template]) {
      await page.goto(`/d/${DASHBOARD}?viewPanel=panel-8&var-reporter=${encodeURIComponent(value)}`);
      const shown = /^[=+]/.test(value) ? `'${value}` : value;
      await expect(page.getByRole('gridcell', { name: shown, exact: true }).first()).toBeVisible();
    }
  });

  test('is shown with its own letters in a domain, but not where it could be another one', async ({ page }) => {
    const { shown, confusable } = DOMAINS;
    for (const id of [7, 9]) {
      await page.goto(`/d/${DASHBOARD}?viewPanel=panel-${id}`);
      await expect(page.getByText(shown.name).first()).toBeVisible();
      await expect(page.getByText(confusable.aLabel).first()).toBeVisible();
      await expect(page.getByText(confusable.name)).toHaveCount(0);
    }
  });

  test('is text in the labels of alerts', async ({ page, request }) => {
    const wantHarmless = watch(page);
    const group = {
      queryType: 'summary',
      metric: 'failedSessions',
      groupBy: ['reporter'],
      timeField: 'stored',
      filters: [],
    };
    const range = { from: 86_400, to: 0 };
    await request.delete(`/api/v1/provisioning/alert-rules/${UID}`);
    await request.post('/api/folders', { data: { uid: UID, title: 'Hostile' } });
    const rule = await request.post('/api/v1/provisioning/alert-rules', {
      headers: { 'X-Disable-Provenance': 'true' },
      data: {
        uid: UID,
        title: 'Hostile',
        orgID: 1,
        folderUID: UID,
        ruleGroup: 'hostile',
        condition: 'B',
        for: '0s',
        noDataState: 'OK',
        execErrState: 'Error',
        labels: { who: '{{ $labels.reporter }}' },
        annotations: { summary: '{{ $labels.reporter }}' },
        data: [
          { refId: 'A', datasourceUid: UID, relativeTimeRange: range, model: { refId: 'A', ...group } },
          {
            refId: 'B',
            datasourceUid: '__expr__',
            relativeTimeRange: range,
            model: {
              refId: 'B',
              type: 'threshold',
              expression: 'A',
              datasource: { type: '__expr__', uid: '__expr__' },
              conditions: [{ evaluator: { type: 'gt', params: [0] } }],
            },
          },
        ],
      },
    });
    expect(rule.ok(), await rule.text()).toBe(true);
    await expect(async () => {
      const alerts = await (await request.get('/api/alertmanager/grafana/api/v2/alerts')).text();
      expect(alerts).toContain('cmd|');
    }).toPass({ timeout: 80_000 });
    await page.goto(`/alerting/grafana/${UID}/view?tab=instances`);
    await expect(page.getByText('<img src=x').first()).toBeVisible();
    await wantHarmless();
  });
});

async function exportCsv(page: Page, id: number, title: string): Promise<string> {
  await page.goto(`/d/${DASHBOARD}?viewPanel=panel-${id}`);
  await page.getByTestId(`data-testid Panel header ${title}`).hover();
  await page.getByTestId(`data-testid Panel menu ${title}`).click({ force: true });
  await page.getByRole('menuitem', { name: /^Inspect/ }).hover();
  await page.getByRole('menuitem', { name: 'Data', exact: true }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download CSV' }).click();
  return readFileSync(await (await download).path(), 'utf8');
}

/** The cells of a CSV file by RFC 4180. */
function cellsOf(csv: string): string[] {
  return [...csv.matchAll(/("(?:[^"]|"")*"|[^,\r\n]*)(?:,|\r?\n|$)/g)].map(([, cell]) =>
    cell.startsWith('"') ? cell.slice(1, -1).replace(/""/g, '"') : cell
  );
}
