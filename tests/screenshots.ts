import { test } from '@playwright/test';
import path from 'path';

import { dashboards, heightOf, shows } from './shownDashboards';

const IMAGES = path.join(__dirname, '..', 'src', 'img');

/** The pictures are as tall as this, or as the dashboard: what a person sees first. */
const TALLEST = 1600;

for (const [name, dashboard] of Object.entries(dashboards)) {
  test(`the picture of ${dashboard.title}`, async ({ page }) => {
    await page.setViewportSize({ width: 1400, height: Math.min(heightOf(dashboard, false), TALLEST) });
    await shows(page, () => page.goto(`/d/${dashboard.uid}?theme=dark&kiosk`));
    // Graphs fade in.
    await page.waitForTimeout(2000);
    await page.screenshot({ path: path.join(IMAGES, `${name}.png`), animations: 'disabled' });
  });
}
