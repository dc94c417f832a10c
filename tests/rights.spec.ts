import { expect, test } from '@grafana/plugin-e2e';
import { type APIRequestContext, type Browser, type Page } from '@playwright/test';

import { TYPE, UID } from './environment';
import { explore } from './explore';

const RESOURCES = `/api/datasources/uid/${UID}/resources`;

/** Opens a browser session of an account of that role, which is made for it. */
async function signIn(browser: Browser, admin: APIRequestContext, role: 'Viewer' | 'Editor'): Promise<Page> {
  const login = `tlsrpt-${role.toLowerCase()}`;
  const known = await admin.get(`/api/users/lookup?loginOrEmail=${login}`);
  if (known.ok()) {
    await admin.delete(`/api/admin/users/${(await known.json()).id}`);
  }
  const password = 'a password of the tests';
  const created = await admin.post('/api/admin/users', { data: { login, name: login, password, OrgId: 1 } });
  expect(created.ok(), await created.text()).toBe(true);
  const { id } = await created.json();
  const changed = await admin.patch(`/api/org/users/${id}`, { data: { role } });
  expect(changed.ok(), await changed.text()).toBe(true);

  const context = await browser.newContext({ storageState: undefined });
  const page = await context.newPage();
  const signedIn = await page.request.post('/login', { data: { user: login, password } });
  expect(signedIn.ok(), await signedIn.text()).toBe(true);
  return page;
}

async function query(request: APIRequestContext, model: object, headers = {}) {
  const data = {
    from: 'now-400d',
    to: 'now',
    queries: [{ refId: 'A', datasource: { type: TYPE, uid: UID }, ...model }],
  };
  const response = await request.post('/api/ds/query', { data, headers });
  expect(response.ok(), await response.text()).toBe(true);
  const { results } = await response.json();
  return results.A.frames[0];
}

async function firstId(request: APIRequestContext, queryType: string): Promise<number> {
  const { schema, data } = await query(request, { queryType, limit: 1 });
  return data.values[schema.fields.findIndex(({ name }: { name: string }) => name === 'id')][0];
}

test('a viewer sees numbers, and gets no raw bytes and no retry', async ({ browser, request }) => {
  const [report, item] = [await firstId(request, 'reports'), await firstId(request, 'quarantine')];
  const viewer = await signIn(browser, request, 'Viewer');
  const numbers = await query(viewer.request, { queryType: 'summary', metric: 'reports' });
  expect(numbers.data.values[0][0]).toBeGreaterThan(0);
  for (const path of [`reports/${report}/raw`, `quarantine/${item}/raw`]) {
    const refused = await viewer.request.get(`${RESOURCES}/${path}`);
    expect(refused.status(), path).toBe(403);
    expect(await refused.json()).toEqual({ message: "This needs Grafana's Editor role." });
  }
  for (const path of [`quarantine/${item}/retry`, 'quarantine/retry?reason=', 'sources/mb1/poll']) {
    expect((await viewer.request.post(`${RESOURCES}/${path}`)).status(), path).toBe(403);
  }
  const { schema } = await query(viewer.request, { queryType: 'reports', limit: 1 });
  expect(schema.fields.find(({ name }: { name: string }) => name === 'id').config.links).toBeUndefined();
  await viewer.context().close();
});

test('an editor works on the quarantine in Explore', async ({ browser, request }) => {
  const editor = await signIn(browser, request, 'Editor');
  const item = await firstId(request, 'quarantine');
  await explore(editor, UID, 'now-90d', { queryType: 'quarantine', filters: [] });
  const reason = editor.getByRole('region', { name: /^Reason / }).first();
  await reason.getByRole('button', { expanded: false }).click();
  await reason
    .getByRole('button', { name: /^Look at document/ })
    .first()
    .click();
  await expect(editor.getByTestId('raw-bytes')).not.toBeEmpty();
  await editor.keyboard.press('Escape');

  const download = editor.waitForEvent('download');
  await reason
    .getByRole('link', { name: /^Download document/ })
    .first()
    .click();
  expect((await download).suggestedFilename()).toMatch(/^quarantine-\d+\.bin$/);
  await reason
    .getByRole('button', { name: /^Try document/ })
    .first()
    .click();
  await expect(editor.getByText(/^It (still can’t be used|could be read|is no TLS report)/)).toBeVisible();
  await editor.getByRole('button', { name: 'Try everything again' }).click();
  await expect(editor.getByText(/ left the quarantine/).first()).toBeVisible();

  const raw = await editor.request.get(`${RESOURCES}/quarantine/${item}/raw`);
  expect(raw.status()).toBe(200);
  expect(raw.headers()).toMatchObject({ 'content-disposition': expect.stringMatching(/^attachment/) });
  expect(raw.headers()['content-security-policy']).toContain('sandbox');
  await editor.context().close();
});

test('a data source of the same uid in another org has nothing of this one', async ({ request }) => {
  const report = await firstId(request, 'reports');
  const created = await request.post('/api/orgs', { data: { name: `Strangers ${Date.now()}` } });
  expect(created.ok(), await created.text()).toBe(true);
  const { orgId } = await created.json();
  const headers = { 'X-Grafana-Org-Id': String(orgId) };
  try {
    const data = { uid: UID, name: 'TLS-RPT', type: TYPE, access: 'proxy', jsonData: {} };
    const added = await request.post('/api/datasources', { data, headers });
    expect(added.ok(), await added.text()).toBe(true);
    const own = { filters: [{ dimension: 'policyDomain', operator: '=~', values: ['.*'] }] };
    for (const model of [
      { queryType: 'reports', ...own },
      { queryType: 'failures', ...own },
      { queryType: 'quarantine' },
    ]) {
      const frame = await query(request, model, headers);
      expect(frame.schema.fields ?? [], JSON.stringify(model)).toEqual([]);
    }
    const values = await request.get(`${RESOURCES}/dimensions/policyDomain`, { headers });
    expect(await values.json()).toEqual({ more: false, values: [] });
    expect((await request.get(`${RESOURCES}/reports/${report}/raw`, { headers })).status()).toBe(404);
    expect((await request.get(`${RESOURCES}/reports/${report}/raw`)).status()).toBe(200);
  } finally {
    await request.delete(`/api/orgs/${orgId}`);
  }
});
