import { expect, test } from '@grafana/plugin-e2e';
import { readdirSync, readFileSync } from 'fs';
import path from 'path';

interface Panel {
  title?: string;
  type: string;
  panels?: Panel[];
}

interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}

const FOLDER = path.join(__dirname, '..', 'dashboards');

const dashboards = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name): Dashboard => JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8')));

/** The panels that show data: no rows and no texts. */
function panelsOf({ panels }: Dashboard): string[] {
  return panels
    .flatMap((panel) => [panel, ...(panel.panels ?? [])])
    .filter(({ type }) => type !== 'row' && type !== 'text')
    .map(({ title }) => title ?? '');
}

for (const dashboard of dashboards) {
  test(`${dashboard.title} has data, and no error, in every panel`, async ({ gotoDashboardPage, page }) => {
    // All panels on one screen: those below the edge are not asked for.
    await page.setViewportSize({ width: 1440, height: 4000 });
    const shown = await gotoDashboardPage({ uid: dashboard.uid });
    await shown.waitForPanelsQueriesToComplete({ scrollAll: true });

    expect(panelsOf(dashboard).length).toBeGreaterThan(0);
    for (const title of panelsOf(dashboard)) {
      await test.step(`panel “${title}”`, async () => {
        const panel = shown.getPanelByTitle(title);
        await panel.scrollIntoView();
        await expect(panel.locator).toBeVisible();
        await expect(panel.getErrorIcon()).toBeHidden();
        await expect(panel.locator.getByText(/^No data/)).toBeHidden();
        await expect(panel.locator.getByText('Error', { exact: false }).and(page.getByRole('alert'))).toBeHidden();
      });
    }
  });
}
