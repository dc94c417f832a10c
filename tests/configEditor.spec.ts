import { expect, test } from '@grafana/plugin-e2e';
import { type APIRequestContext, type Page } from '@playwright/test';

import { mailbox, TYPE, UID } from './environment';

async function addMailbox(page: Page, password: string) {
  await page.getByRole('button', { name: 'Add mailbox' }).click();
  const card = page.getByTestId('source-mb1');
  await card.getByLabel(/^Host/).fill(mailbox.host);
  await card.getByLabel(/^Port/).fill(mailbox.port);
  await card.getByLabel(/^User/).fill(mailbox.user);
  await card.getByLabel(/^Password/).fill(password);
  if (mailbox.ca) {
    await card.getByRole('button', { name: 'Expand section Advanced' }).click();
    await card.getByLabel(/^Private certificate authority/).fill(mailbox.ca);
  }
  return card;
}

test.describe('the settings page', () => {
  test.skip(!mailbox.host, 'TLSRPT_E2E_IMAP_HOST names no mailbox to read');

  test('takes a mailbox from nothing to reports', async ({ createDataSourceConfigPage, page }) => {
    const settings = await createDataSourceConfigPage({ type: TYPE });
    await expect(page.getByText('No sources yet')).toBeVisible();

    const card = await addMailbox(page, mailbox.password);
    await expect(card.getByText('Not saved yet')).toBeVisible();
    await expect(settings.saveAndTest()).toBeOK();

    await expect(card.getByTestId('source-state')).toHaveText('Up to date', { timeout: 60_000 });
    await expect(card.getByText(/^[1-9][\d,]* seen: [1-9][\d,]* stored/)).toBeVisible();
    await expect(page.getByText(/The store holds [1-9]/)).toBeVisible();
  });

  test('keeps what was entered, and the password to itself', async ({ createDataSourceConfigPage, page, request }) => {
    const settings = await createDataSourceConfigPage({ type: TYPE });
    await addMailbox(page, mailbox.password);
    await expect(settings.saveAndTest()).toBeOK();
    await page.reload();

    const card = page.getByTestId('source-mb1');
    await expect(card.getByLabel(/^Host/)).toHaveValue(mailbox.host);
    await expect(card.getByLabel(/^Password/)).toHaveValue('configured');
    const saved = await request.get(`/api/datasources/uid/${settings.datasource.uid}`);
    expect(await saved.text()).not.toContain(mailbox.password);
  });

  test('says what is wrong with a wrong password', async ({ createDataSourceConfigPage, page }) => {
    const settings = await createDataSourceConfigPage({ type: TYPE });
    await addMailbox(page, 'not the password');
    await expect(settings.saveAndTest()).not.toBeOK();
    await expect(settings).toHaveAlert('error', { hasText: /password/i });
  });
});

const PROVISIONING = '/api/v1/provisioning';

interface Rule {
  uid: string;
  title: string;
  folderUID: string;
  ruleGroup: string;
  provenance?: string;
  updated: string;
  data: Array<{ datasourceUid: string }>;
}

/** Returns the rules that ask the data source, in order. */
async function rulesOf(request: APIRequestContext, uid: string): Promise<Rule[]> {
  const response = await request.get(`${PROVISIONING}/alert-rules`);
  expect(response.ok(), await response.text()).toBe(true);
  const rules: Rule[] = await response.json();
  return rules
    .filter(({ data }) => data.some(({ datasourceUid }) => datasourceUid === uid))
    .sort((a, b) => a.uid.localeCompare(b.uid));
}

async function deleteRules(request: APIRequestContext, rules: Rule[]) {
  for (const { uid } of rules) {
    await request.delete(`${PROVISIONING}/alert-rules/${uid}`, { headers: { 'X-Disable-Provenance': 'true' } });
  }
}

test.describe('the button for alert rules', () => {
  test('adds twelve rules, once, and asks before it replaces one', async ({
    createDataSourceConfigPage,
    page,
    request,
  }) => {
    const { datasource } = await createDataSourceConfigPage({ type: TYPE });
    const button = page.getByRole('button', { name: 'Add alert rules' });
    try {
      await button.click();
      await expect(page.getByText('Added to the folder “TLS-RPT”: 12 alert rules')).toBeVisible();
      const added = await rulesOf(request, datasource.uid);
      expect(added).toHaveLength(12);
      expect(added.map(({ provenance }) => provenance ?? '')).toEqual(Array(12).fill(''));

      await button.click();
      await expect(page.getByText('Already there: 12 alert rules')).toBeVisible();
      expect(await rulesOf(request, datasource.uid)).toEqual(added);

      const changed = { ...added[0], title: 'Changed by a person' };
      const put = await request.put(`${PROVISIONING}/alert-rules/${changed.uid}`, {
        data: changed,
        headers: { 'X-Disable-Provenance': 'true' },
      });
      expect(put.ok(), await put.text()).toBe(true);
      await button.click();
      await page.getByRole('button', { name: 'Keep them' }).click();
      await expect(page.getByText('Kept as changed: 1 alert rule')).toBeVisible();
      expect((await rulesOf(request, datasource.uid))[0].title).toBe(changed.title);

      await button.click();
      await page.getByTestId('data-testid Confirm Modal Danger Button').click();
      await expect(page.getByText('Replaced: 1 alert rule')).toBeVisible();
      expect((await rulesOf(request, datasource.uid))[0].title).toBe(added[0].title);
    } finally {
      await deleteRules(request, await rulesOf(request, datasource.uid));
    }
  });

  test('says that rules from a file are there, and changes none', async ({
    gotoDataSourceConfigPage,
    page,
    request,
  }) => {
    const provisioned = await rulesOf(request, UID);
    test.skip(provisioned[0]?.provenance !== 'file', 'this Grafana has no rules from a file');
    await gotoDataSourceConfigPage(UID);
    await page.getByRole('button', { name: 'Add alert rules' }).click();
    await expect(page.getByText('They come from a file on Grafana’s server')).toBeVisible();
    expect(await rulesOf(request, UID)).toEqual(provisioned);
  });

  test('adds rules for two data sources side by side', async ({ createDataSourceConfigPage, page, request }) => {
    const uids: string[] = [];
    try {
      for (const name of ['first', 'second']) {
        const { datasource } = await createDataSourceConfigPage({ type: TYPE, name: `TLS-RPT ${name} ${Date.now()}` });
        uids.push(datasource.uid);
        await page.getByRole('button', { name: 'Add alert rules' }).click();
        await expect(page.getByText('Added to the folder “TLS-RPT”: 12 alert rules')).toBeVisible();
      }
      for (const uid of uids) {
        expect(await rulesOf(request, uid)).toHaveLength(12);
      }
    } finally {
      for (const uid of uids) {
        await deleteRules(request, await rulesOf(request, uid));
      }
    }
  });
});
