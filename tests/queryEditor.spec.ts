import { expect, test } from '@grafana/plugin-e2e';
import { type Page, type Response } from '@playwright/test';

import { TYPE, UID } from './environment';

async function exploreTrend(page: Page) {
  const pane = {
    datasource: UID,
    queries: [{ refId: 'A', datasource: { type: TYPE, uid: UID } }],
    range: { from: 'now-90d', to: 'now' },
  };
  const answered = page.waitForResponse(isAnswer);
  await page.goto(`/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify({ a: pane }))}`);
  return answered;
}

const isAnswer = (response: Response) => response.url().includes('/api/ds/query');

async function choose(page: Page, field: string, option: string | RegExp) {
  const answered = page.waitForResponse(isAnswer);
  await page.getByTestId(field).click();
  await page.getByRole('option', { name: option }).click();
  return answered;
}

interface Answer {
  results: { A: { error?: string; frames: Array<{ schema: { fields: Array<{ name: string; labels?: object }> } }> } };
}

/** Returns the frames of an answer, which must be without an error. */
async function framesOf(response: Response) {
  const { results } = (await response.json()) as Answer;
  expect(results.A.error).toBeUndefined();
  return results.A.frames;
}

test.describe('the query editor', () => {
  test('starts with a trend that has data', async ({ page }) => {
    const frames = await framesOf(await exploreTrend(page));
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
    const answered = page.waitForResponse((response) => isAnswer(response) && bodyOf(response).includes('"values":["'));
    await page.getByTestId('filter-values-1').click();
    await page.getByRole('option').first().click();

    const frames = await framesOf(await answered);
    expect(frames.length).toBeGreaterThan(0);
    expect(Object.keys(frames[0].schema.fields[1].labels ?? {}).sort()).toEqual(['policyDomain', 'resultType']);
  });

  test('shows the tables', async ({ page }) => {
    await exploreTrend(page);
    for (const [option, field] of [
      [/^Failures/, 'resultType'],
      [/^Reports/, 'reportId'],
      [/^Reporters/, 'lastReport'],
      [/^Sources/, 'lastSuccess'],
    ] as const) {
      const [frame] = await framesOf(await choose(page, 'query-type', option));
      expect(frame.schema.fields.map(({ name }) => name)).toContain(field);
    }
  });

  test('lists values for a dashboard variable', async ({ variableEditPage, page }) => {
    const { name } = await (await page.request.get(`/api/datasources/uid/${UID}`)).json();
    await variableEditPage.setVariableType('Query');
    await variableEditPage.datasource.set(name);
    await page.getByTestId('variable-dimension').click();
    await page.getByRole('option', { name: /^Policy type/ }).click();
    await variableEditPage.runQuery();
    await expect(variableEditPage).toDisplayPreviews(['sts']);
  });
});

function bodyOf(response: Response): string {
  return response.request().postData() ?? '';
}
