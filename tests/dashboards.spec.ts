import { expect, test } from '@grafana/plugin-e2e';
import { type Locator, type Page } from '@playwright/test';

import { type Dashboard, dashboards, heightOf, open, type Panel } from './shownDashboards';

const THEMES = ['dark', 'light'] as const;
const WIDTHS = [1400, 400];

/** Gathers what the page says went wrong, from now on. */
function listen(page: Page): string[] {
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('response', (response) => {
    if (response.status() >= 400) {
      errors.push(`${response.status()} ${response.url()}`);
    }
  });
  return errors;
}

/** The panels that show something of their own: no rows. */
function panelsOf({ panels }: Dashboard): Panel[] {
  return panels.filter(({ type }) => type !== 'row');
}

async function expectFilled(shown: Locator, { title, type, fieldConfig }: Panel): Promise<void> {
  await expect(shown, `panel “${title}”`).toHaveCount(1);
  await expect(shown.getByTestId('data-testid Panel status error'), `error in “${title}”`).toHaveCount(0);
  await expect(shown.getByText(/^No data/), `nothing in “${title}”`).toHaveCount(0);
  const nothing = fieldConfig?.defaults.noValue;
  if (nothing) {
    // In a table the words stand in cells, too, that hold nothing.
    await expect(shown.getByText(nothing, { exact: true }), `nothing in “${title}”`).toHaveCount(0);
  }
  const content = {
    table: shown.getByRole('gridcell'),
    text: shown.getByText(/\w/),
    stat: shown.getByText(/\d/),
  }[type];
  await expect((content ?? shown.locator('canvas')).first(), `content of “${title}”`).toBeVisible();
}

for (const dashboard of Object.values(dashboards)) {
  for (const width of WIDTHS) {
    test(`${dashboard.title} is filled at ${width} pixels, dark and light, without any error`, async ({ page }) => {
      const errors = listen(page);
      await page.setViewportSize({ width, height: heightOf(dashboard, width < 768) });
      for (const theme of THEMES) {
        await open(page, dashboard, theme);
        expect(panelsOf(dashboard).length).toBeGreaterThan(0);
        for (const panel of panelsOf(dashboard)) {
          await expectFilled(page.locator(`[data-viz-panel-key="panel-${panel.id}"]`), panel);
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth), 'no scrolling sideways').toBe(width);
      }
      expect(errors).toEqual([]);
    });
  }
}

test('a domain leads to its own dashboard and to its failures, with the time and the trust chosen', async ({
  page,
}) => {
  const { failures } = dashboards;
  await page.setViewportSize({ width: 1400, height: 1000 });
  await page.goto(`/d/${failures.uid}?from=now-60d&to=now&var-trust=authenticated`);
  await page.getByRole('gridcell').getByText('example.org', { exact: true }).first().click();
  await page.getByText('Everything on this domain').click();
  await expect(page).toHaveURL(/\/d\/tlsrpt-domain.*var-domain=example\.org/);
  expect(new URL(page.url()).searchParams.get('from')).toBe('now-60d');
  expect(new URL(page.url()).searchParams.get('var-trust')).toBe('authenticated');
  await expect(page.getByText('Is all well with this domain?')).toBeVisible();
});
