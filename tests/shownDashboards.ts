import { expect, type Page } from '@playwright/test';
import { readdirSync, readFileSync } from 'fs';
import path from 'path';

export interface Panel {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults: { noValue?: string } };
}

export interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}

const FOLDER = path.join(__dirname, '..', 'dashboards');

/** The shipped dashboards by the name of their file. */
export const dashboards: Record<string, Dashboard> = Object.fromEntries(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name.replace('.json', ''), JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8'))])
);

/** Grafana's grid: a row's height with the gap below it, and what stands above the panels. */
const ROW = 38;
const HEAD = { wide: 100, narrow: 420 };

/** How tall a window shows all panels at once; those below its edge are not even asked for. */
export function heightOf({ panels }: Dashboard, isNarrow: boolean): number {
  if (isNarrow) {
    return HEAD.narrow + panels.reduce((sum, { gridPos }) => sum + gridPos.h * ROW, 0);
  }
  return HEAD.wide + Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * ROW;
}

/** Does what shows a dashboard, and waits until it has asked its queries and nothing is loading any more. */
export async function shows(page: Page, action: () => Promise<unknown>): Promise<void> {
  const answered = page.waitForResponse((response) => response.url().includes('/api/ds/query'), { timeout: 60_000 });
  await action();
  await answered;
  await page.waitForLoadState('networkidle');
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0, { timeout: 60_000 });
}
