import { type Page } from '@playwright/test';

import { TYPE } from './environment';

/** Opens Explore with one query of a data source, whose uid is given, over a time range. */
export function explore(page: Page, uid: string, from: string, query: object = {}) {
  const queries = [{ refId: 'A', datasource: { type: TYPE, uid }, ...query }];
  const panes = { a: { datasource: uid, queries, range: { from, to: 'now' } } };
  return page.goto(`/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify(panes))}`);
}
