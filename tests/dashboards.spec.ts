import { expect, test } from '@grafana/plugin-e2e';
import { type Locator, type Page } from '@playwright/test';

import { type Dashboard, dashboards, heightOf, type Panel, shows } from './shownDashboards';

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

const { overview, failures, domain, ...others } = dashboards;

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    test(`all six are filled in ${theme} at ${width} pixels, without any error, each one link away from the last`, async ({
      page,
    }) => {
      // As long as a busy machine takes: it is a minute at most where nothing else runs.
      test.setTimeout(300_000);
      const errors = listen(page);
      const all = [overview, failures, domain, ...Object.values(others)];
      await page.setViewportSize({ width, height: Math.max(...all.map((shown) => heightOf(shown, width < 768))) });
      for (const dashboard of all) {
        await shows(page, () =>
          dashboard === overview
            ? page.goto(`/d/${dashboard.uid}?theme=${theme}&kiosk`)
            : page.getByRole('link', { name: dashboard.title }).click()
        );
        await expect(page).toHaveURL(new RegExp(`/d/${dashboard.uid}`));
        for (const panel of panelsOf(dashboard)) {
          await expectFilled(page.locator(`[data-viz-panel-key="panel-${panel.id}"]`), panel);
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth), 'no scrolling sideways').toBe(width);
      }
      expect(errors).toEqual([]);
    });
  }
}

test('a domain leads to its own dashboard with the trust chosen', async ({ page }) => {
  await page.setViewportSize({ width: 1400, height: 1000 });
  await page.goto(`/d/${failures.uid}?var-trust=authenticated`);
  await page.getByRole('gridcell').getByText('example.org', { exact: true }).first().click();
  await page.getByText('Everything on this domain').click();
  await expect(page).toHaveURL(/\/d\/tlsrpt-domain.*var-domain=example\.org/);
  expect(new URL(page.url()).searchParams.get('var-trust')).toBe('authenticated');
  await expect(page.getByText('Is all well with this domain?')).toBeVisible();
});
