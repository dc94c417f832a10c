import { expect, test } from '@grafana/plugin-e2e';
import { type Page } from '@playwright/test';

import { mailbox, TYPE } from './environment';

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
