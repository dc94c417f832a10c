import { existsSync, readdirSync, readFileSync } from 'fs';
import path from 'path';

import { DIMENSIONS, METRICS, QUERY_TYPES } from './words';

const ROOT = path.resolve(__dirname, '..');
const FOLDER = path.join(ROOT, 'dashboards');
const TYPE = 'tlsrpt-reports-datasource';

/** Uids that mean a part of Grafana itself, or the variable that the reader chooses by. */
const ALLOWED_UIDS = ['${datasource}', '-- Grafana --', '-- Dashboard --', '-- Mixed --', 'grafana', '__expr__'];

/** The dashboards by uid, and what other files link to: alert rules name panels by these numbers. */
const LINKED_PANELS: Record<string, Record<number, string>> = {
  'tlsrpt-overview': { 1: 'Is all well?' },
  'tlsrpt-domain': { 1: 'Is all well with this domain?' },
  'tlsrpt-failures': { 1: 'Incidents', 7: 'Failed sessions by domain' },
  'tlsrpt-reporters': { 1: 'Reporters' },
  'tlsrpt-policies': { 2: 'Policies day by day', 4: 'Protected share by domain' },
  'tlsrpt-collection': { 1: 'Sources', 9: 'Quarantine' },
};

/** Panels of Grafana 12.3 that are not deprecated, and that show what strangers wrote as text alone. */
const PANEL_TYPES = ['table', 'stat', 'timeseries', 'status-history', 'state-timeline', 'barchart', 'text', 'row'];

/** How many rows of a status history or a state timeline can be read in a unit of its panel's height. */
const ROWS_BY_HEIGHT = 1.6;

/** How many groups a trend has where its query names no limit. */
const DEFAULT_LIMIT = 20;

/** Cells of tables that can't run or load anything. */
const CELL_TYPES = ['auto', 'color-text', 'color-background', 'gauge'];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Link {
  url: string;
}

interface Property {
  id: string;
  value: Json;
}

interface Query {
  queryType: string;
  metric?: string;
  metrics?: string[];
  groupBy?: string[];
  filters?: Array<{ dimension: string; operator: string; values: string[] }>;
  limit?: number;
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  targets?: Query[];
  gridPos: { h: number };
  options?: { content?: string; mode?: string; perPage?: number };
  fieldConfig?: {
    defaults: { unit?: string; noValue?: string; thresholds?: { steps: Array<{ color: string }> } };
    overrides: Array<{ properties: Property[] }>;
  };
}

interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
  time: { from: string; to: string };
  timezone: string;
  links: Array<{ type: string; tags: string[]; keepTime: boolean; includeVars: boolean }>;
  annotations: { list: Array<{ name: string; enable: boolean; target?: Query }> };
  templating: { list: Array<{ name: string; type: string; query: Json; multi: boolean; includeAll: boolean }> };
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Yields every object within a value, with the keys that lead to it. */
function* objectsIn(value: Json, at = ''): Generator<[string, { [key: string]: Json }]> {
  if (value === null || typeof value !== 'object') {
    return;
  }
  if (!Array.isArray(value)) {
    yield [at, value];
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* objectsIn(inner, `${at}/${key}`);
  }
}

function hardCodedDataSources(dashboard: Json): string[] {
  return [...objectsIn(dashboard)].flatMap(([at, { datasource }]) => {
    if (typeof datasource === 'string') {
      return ALLOWED_UIDS.includes(datasource) ? [] : [`${at}: ${datasource}`];
    }
    if (datasource === null || typeof datasource !== 'object' || Array.isArray(datasource)) {
      return [];
    }
    return ALLOWED_UIDS.includes(String(datasource.uid)) ? [] : [`${at}: ${String(datasource.uid)}`];
  });
}

/** Returns the words of a query that the data source does not know. */
function unknownWords({ queryType, metric, metrics = [], groupBy = [], filters = [] }: Query): string[] {
  const dimensions = [...groupBy, ...filters.map(({ dimension }) => dimension)];
  return [
    ...[queryType].filter((word) => !(word in QUERY_TYPES)),
    ...[...metrics, ...(metric ? [metric] : [])].filter((word) => !(word in METRICS)),
    ...dimensions.filter((word) => !(word in DIMENSIONS)),
    ...filters.map(({ operator }) => operator).filter((word) => !['=', '!=', '=~', '!~'].includes(word)),
  ];
}

/** Returns all that stands under a key in a panel, in its defaults and overrides. */
function valuesOf(panel: Panel, key: string): Json[] {
  const objects = [...objectsIn(panel as unknown as Json)].map(([, object]) => object);
  return objects.flatMap((object) => {
    const value = object.id === key ? object.value : object[key.split('.').pop() ?? key];
    return value === undefined ? [] : [value];
  });
}

function propertiesOf({ fieldConfig }: Panel, id: string): Json[] {
  return (fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
    properties.filter((property) => property.id === id).map(({ value }) => value)
  );
}

/** What the README says once for all graphs, and each of them for itself. */
const SHADE = / Grey columns: the part of the expected reporters [^.]*\./;

const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');

/** Returns what the README says of the panels of a dashboard, by their titles. */
function toldOf({ title }: Dashboard): Record<string, string> {
  const [, rest = ''] = README.split(`\n### ${title}\n`);
  const [section] = rest.split(/\n##/);
  return Object.fromEntries(
    [...section.matchAll(/^\| \*\*(.+?)\*\* \| (.*) \|$/gm)].map(([, name, text]) => [name, text])
  );
}

const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];

describe('the shipped dashboards', () => {
  it('are the ones that plugin.json names, overview first', () => {
    const { includes } = readJson<{ includes: Array<{ path: string; name: string }> }>(path.join(ROOT, 'plugin.json'));
    expect(includes.map((include) => include.path).sort()).toEqual(files.map((name) => `dashboards/${name}`).sort());
    expect(includes[0].path).toBe('dashboards/overview.json');
  });

  it('have pictures in plugin.json', () => {
    const { info } = readJson<{ info: { screenshots: Array<{ path: string }> } }>(path.join(ROOT, 'plugin.json'));
    const pictures = info.screenshots.map((picture) => picture.path);
    expect(pictures).toEqual(expect.arrayContaining(files.map((name) => `img/${name.replace('.json', '.png')}`)));
    expect(pictures.filter((picture) => !existsSync(path.join(ROOT, 'src', picture)))).toEqual([]);
  });

  it('have uids that stay, since links and alert rules name them', () => {
    const uids = files.map((name) => readJson<Dashboard>(path.join(FOLDER, name)).uid);
    expect(uids.sort()).toEqual(Object.keys(LINKED_PANELS).sort());
  });

  describe.each(files)('%s', (name) => {
    const raw = readJson<{ [key: string]: Json }>(path.join(FOLDER, name));
    const dashboard = raw as unknown as Dashboard;
    const shown = dashboard.panels.filter(({ type }) => type !== 'row');
    const withData = shown.filter(({ type }) => type !== 'text');

    it('lets the reader choose the data source', () => {
      expect(dashboard.templating.list).toContainEqual(
        expect.objectContaining({ type: 'datasource', name: 'datasource', query: TYPE })
      );
      expect(hardCodedDataSources(raw)).toEqual([]);
    });

    it('can be bundled and provisioned from the same file', () => {
      expect(raw).not.toHaveProperty('__inputs');
      expect(typeof raw.id).not.toBe('number');
      expect(dashboard.uid).toMatch(/^tlsrpt-/);
    });

    it('opens on 30 days in UTC, with variables for domain, reporter and trust', () => {
      expect([dashboard.time, dashboard.timezone]).toEqual([{ from: 'now-30d', to: 'now' }, 'utc']);
      const names = dashboard.templating.list.map((variable) => variable.name);
      expect(names).toEqual(expect.arrayContaining(['datasource', 'domain', 'reporter', 'trust']));
    });

    it('leads to the others with the same time and variables', () => {
      expect(dashboard.links).toContainEqual(
        expect.objectContaining({ type: 'dashboards', tags: ['tlsrpt'], keepTime: true, includeVars: true })
      );
      expect(raw.tags).toContain('tlsrpt');
    });

    it('shows events in its graphs, with a switch', () => {
      const events = dashboard.annotations.list.filter(({ target }) => target?.queryType === 'events');
      expect(events).toEqual([expect.objectContaining({ name: 'Events', enable: true, hide: false })]);
    });

    it('keeps the numbers of the panels that other files link to', () => {
      const titles = Object.keys(LINKED_PANELS[dashboard.uid]).map((id) => [
        id,
        dashboard.panels.find((panel) => panel.id === Number(id))?.title,
      ]);
      expect(Object.fromEntries(titles)).toEqual(LINKED_PANELS[dashboard.uid]);
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    });

    it('has no deprecated panel', () => {
      expect(dashboard.panels.filter(({ type }) => !PANEL_TYPES.includes(type)).map(({ type }) => type)).toEqual([]);
    });

    it('says on every panel what it shows, and what it means that there is nothing', () => {
      expect(shown.filter(({ description }) => !description).map(({ title }) => title)).toEqual([]);
      expect(withData.filter(({ fieldConfig }) => !fieldConfig?.defaults.noValue).map(({ title }) => title)).toEqual(
        []
      );
    });

    it('means what the README says of its panels', () => {
      const told = shown.map(({ title, description = '' }) => [
        title,
        description.replace(SHADE, '').replace(/\.$/, ''),
      ]);
      expect(toldOf(dashboard)).toEqual(Object.fromEntries(told));
    });

    // The fields of tables carry their own units; a test of the backend sees to that.
    it('has no more rows on a page than its height has lines for', () => {
      const rows = shown.filter(({ type }) => ['status-history', 'state-timeline'].includes(type));
      const crowded = rows.filter(({ gridPos, options, targets }) => {
        const most = Math.max(...(targets ?? []).map(({ limit }) => limit ?? DEFAULT_LIMIT));
        return Math.min(most, options?.perPage ?? most) > ROWS_BY_HEIGHT * gridPos.h;
      });
      expect(crowded.map(({ title }) => title)).toEqual([]);
    });

    it('has a unit on every panel but tables', () => {
      const without = withData.filter(({ type, fieldConfig }) => type !== 'table' && !fieldConfig?.defaults.unit);
      expect(without.map(({ title }) => title)).toEqual([]);
    });

    it('has no red where nothing is wrong', () => {
      const starts = withData.flatMap((panel) => [
        panel.fieldConfig?.defaults.thresholds?.steps[0].color,
        ...propertiesOf(panel, 'thresholds').map(
          (value) => (value as { steps: Array<{ color: string }> }).steps[0].color
        ),
      ]);
      expect(starts.filter((color) => color?.includes('red'))).toEqual([]);
    });

    it('asks only what the data source knows', () => {
      const queries = [
        ...withData.flatMap(({ targets = [] }) => targets),
        ...dashboard.annotations.list.flatMap(({ target }) => target ?? []),
      ].filter(({ queryType }) => queryType !== undefined);
      expect(queries.length).toBeGreaterThanOrEqual(withData.length);
      expect(queries.flatMap(unknownWords)).toEqual([]);
    });

    it('makes links of values by percent-encoding behind a fixed prefix alone', () => {
      const links = withData.flatMap((panel) => valuesOf(panel, 'links') as unknown as Link[][]).flat();
      const wrong = links.filter(
        ({ url }) =>
          !/^\/d\/tlsrpt-[a-z]+\?var-\w+=\$\{__value\.raw:percentencode\}(&(from=|to=)?\$\{\w+(:queryparam)?\})*$/.test(
            url
          )
      );
      expect(wrong).toEqual([]);
      const uids = links.map(({ url }) => url.split(/[/?]/)[2]);
      expect(uids.filter((uid) => !(uid in LINKED_PANELS))).toEqual([]);
    });

    it('shows data as text, never as HTML or Markdown', () => {
      const cells = withData.flatMap((panel) => valuesOf(panel, 'custom.cellOptions') as Array<{ type: string }>);
      expect(cells.filter(({ type }) => !CELL_TYPES.includes(type))).toEqual([]);
      const texts = shown.filter(({ type }) => type === 'text').map(({ options }) => options);
      expect(texts.filter((text) => text?.mode !== 'markdown' || /[$<]/.test(text.content ?? ''))).toEqual([]);
    });
  });
});
