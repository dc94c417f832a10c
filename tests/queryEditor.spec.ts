import { expect, test } from '@grafana/plugin-e2e';
import { type Page } from '@playwright/test';

import { TYPE, UID } from './environment';
import { explore } from './explore';

/** The metrics for alert rules, each with what it can be grouped by. */
const METRICS = {
  newFailedSessions: ['policyDomain', 'resultType'],
  daneFailedSessions: ['policyDomain', 'resultType'],
  cleanReports: ['policyDomain', 'resultType'],
  detailReporters: ['policyDomain', 'resultType', 'receivingMx'],
  detailSightings: ['policyDomain', 'resultType', 'receivingMx'],
  detailRepeats: ['policyDomain', 'resultType', 'receivingMx'],
  mxFailureShare: ['policyDomain', 'resultType', 'receivingMx'],
  lastFailing: ['policyDomain', 'resultType'],
  nextReport: ['policyDomain', 'resultType'],
  historyDays: ['policyDomain'],
  enforced: ['policyDomain'],
  protectionLost: ['policyDomain'],
  modeDropped: ['policyDomain'],
  silentDays: ['policyDomain'],
  overdue: ['reporter', 'domains'],
  reportAge: ['policyDomain', 'reporter'],
  pollAge: ['source'],
  pollsMissed: ['source'],
  arrivals: ['source'],
  quarantined: ['source', 'quarantineReason'],
  completeness: ['policyDomain'],
};

interface Frame {
  schema: { meta?: { type?: string }; fields: Array<{ name: string; labels?: object }> };
  data: { values: unknown[][] };
}

interface Answer {
  results: { A: { error?: string; frames: Frame[] } };
}

/**
 * Returns the frames of the first whole answer to a query that holds the given
 * words. Explore runs a query more than once and drops what it no longer wants.
 */
async function framesOf(page: Page, ...words: string[]) {
  let answer: Answer | undefined;
  await page.waitForResponse(
    async (response) => {
      const body = response.request().postData() ?? '';
      if (!response.url().includes('/api/ds/query') || !words.every((word) => body.includes(word))) {
        return false;
      }
      answer = await response.json().catch(() => undefined);
      return answer !== undefined;
    },
    { timeout: 60_000 }
  );
  expect(answer?.results.A.error).toBeUndefined();
  return answer?.results.A.frames ?? [];
}

async function exploreTrend(page: Page) {
  const frames = framesOf(page, '"queryType":"trend"');
  await explore(page, UID, 'now-90d');
  return frames;
}

/** Chooses what to show by typing: the list holds no more than fits into it. */
async function show(page: Page, label: string) {
  await page.getByTestId('query-type').click();
  await page.getByTestId('query-type').fill(label);
  await page.getByRole('option', { name: new RegExp(`^${label}`) }).click();
}

async function choose(page: Page, field: string, option: string | RegExp) {
  await page.getByTestId(field).click();
  await page.getByRole('option', { name: option }).click();
}

test.describe('the query editor', () => {
  test('starts with a trend that has data', async ({ page }) => {
    const frames = await exploreTrend(page);
    expect(frames.length).toBeGreaterThan(0);
    expect(frames[0].schema.fields[1]).toMatchObject({ name: 'value', labels: { policyDomain: expect.any(String) } });
    await expect(page.getByText('No data')).toBeHidden();
  });

  test('builds a query by result type for one domain', async ({ page }) => {
    await exploreTrend(page);
    await choose(page, 'query-metric', /^Failed sessions/);
    await choose(page, 'query-group-by', /^Result type/);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Add filter' }).click();
    const answered = framesOf(page, '"resultType"', '"values":["');
    await page.getByTestId('filter-values-1').click();
    await page.getByRole('option').first().click();

    const frames = await answered;
    expect(frames.length).toBeGreaterThan(0);
    expect(Object.keys(frames[0].schema.fields[1].labels ?? {}).sort()).toEqual(['policyDomain', 'resultType']);
  });

  test('shows the tables', async ({ page }) => {
    // Ten of them, on machines that do other things too.
    test.setTimeout(240_000);
    await exploreTrend(page);
    for (const [label, queryType, field] of [
      ['Failures', 'failures', 'resultType'],
      ['Reports', 'reports', 'reportId'],
      ['Reporters', 'reporters', 'lastReport'],
      ['Sources', 'sources', 'lastSuccess'],
      ['Counters', 'counters', 'p95'],
      ['Status', 'status', 'sentence'],
      ['Incidents', 'incidents', 'verdict'],
      ['Policies', 'policies', 'policyString'],
      ['Readiness', 'readiness', 'reasons'],
      ['Events', 'events', 'timeEnd'],
    ] as const) {
      const answered = framesOf(page, `"queryType":"${queryType}"`);
      await show(page, label);
      const [frame] = await answered;
      expect(frame.schema.fields.map(({ name }) => name)).toContain(field);
    }
  });

  test('lists values for a dashboard variable', async ({ variableEditPage, page }) => {
    const { name } = await (await page.request.get(`/api/datasources/uid/${UID}`)).json();
    await variableEditPage.setVariableType('Query');
    await variableEditPage.datasource.set(name);
    await page.getByTestId('variable-dimension').click();
    // A new dashboard shows six hours, which hold no report; sources are there at any time.
    await page.getByRole('option', { name: /^Source/ }).click();
    await variableEditPage.runQuery();
    await expect(variableEditPage).toDisplayPreviews(['mb1']);
  });

  test('answers every metric for alert rules', async ({ page }) => {
    for (const [metric, groupBy] of Object.entries(METRICS)) {
      await test.step(metric, async () => {
        const query = { refId: 'A', datasource: { type: TYPE, uid: UID }, queryType: 'summary', metric, groupBy };
        const data = { from: 'now-90d', to: 'now', queries: [{ ...query, filters: [] }] };
        const response = await page.request.post('/api/ds/query', { data });
        expect(response.ok(), await response.text()).toBe(true);
        const { results }: Answer = await response.json();
        expect(results.A.frames).toHaveLength(1);
        const [{ schema, data: columns }] = results.A.frames;
        // What server-side expressions take as it is: a row per group, with one number.
        expect(schema.meta?.type).toBe('numeric-long');
        expect(schema.fields.map(({ name }) => name)).toEqual([...groupBy, metric]);
        const numbers = columns.values[groupBy.length];
        expect(numbers.length).toBeGreaterThan(0);
        expect(numbers.filter((number) => typeof number !== 'number' || number < 0)).toEqual([]);
      });
    }
  });

  test('tells the query in words, also when it is folded in', async ({ page }) => {
    await exploreTrend(page);
    await expect(page.getByTestId('query-text')).toHaveText('Failure rate by domain');
    await page.getByRole('button', { name: 'Collapse query row' }).click();
    await expect(page.getByText('Failure rate by domain')).toBeVisible();
  });

  test('says why the last hour holds nothing', async ({ page }) => {
    await explore(page, UID, 'now-1h');
    await expect(page.getByText(/Choose a longer time range/)).toBeVisible();
  });
});

test.describe('annotations', () => {
  const DASHBOARD = 'tlsrpt-annotations';
  const datasource = { type: TYPE, uid: UID };

  test.afterAll(async ({ request }) => {
    await request.delete(`/api/dashboards/uid/${DASHBOARD}`);
  });

  test('are points and regions over a panel, without a word of configuration', async ({ page }) => {
    const targets = [{ refId: 'A', datasource, queryType: 'trend', metric: 'failedSessions', filters: [] }];
    const dashboard = {
      uid: DASHBOARD,
      title: 'Annotations',
      time: { from: 'now-90d', to: 'now' },
      annotations: { list: [{ name: 'What happened', enable: true, iconColor: 'blue', datasource }] },
      panels: [
        { id: 1, type: 'timeseries', title: 'Failed', datasource, gridPos: { x: 0, y: 0, w: 24, h: 16 }, targets },
      ],
    };
    const saved = await page.request.post('/api/dashboards/db', { data: { dashboard, overwrite: true } });
    expect(saved.ok(), await saved.text()).toBe(true);

    await page.goto(`/d/${DASHBOARD}`);
    const markers = page.getByTestId('data-testid annotation-marker');
    await expect(markers.first()).toBeVisible();
    // A region's mark is as wide as what it marks.
    await expect
      .poll(() => markers.evaluateAll((all) => Math.max(...all.map((mark) => mark.getBoundingClientRect().width))))
      .toBeGreaterThan(25);
    await markers.first().hover();
    await expect(page.locator('#grafana-portal-container').getByText(/: first /)).toBeVisible();
  });
});
