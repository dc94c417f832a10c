import { existsSync, readdirSync, readFileSync } from 'fs';
import path from 'path';

const ROOT = path.resolve(__dirname, '..');
const FOLDER = path.join(ROOT, 'dashboards');
const TYPE = 'tlsrpt-reports-datasource';

/** Uids that mean a part of Grafana itself, or the variable that the reader chooses by. */
const ALLOWED_UIDS = ['${datasource}', '-- Grafana --', '-- Dashboard --', '-- Mixed --', 'grafana', '__expr__'];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

function readJson(file: string): { [key: string]: Json } {
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

const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];

describe('the shipped dashboards', () => {
  it('are the ones that plugin.json names', () => {
    const { includes } = readJson(path.join(ROOT, 'plugin.json')) as unknown as { includes: Array<{ path: string }> };
    const paths = includes.map((include) => include.path).sort();
    expect(files.map((name) => `dashboards/${name}`).sort()).toEqual(paths);
  });

  it('have uids of their own', () => {
    const uids = files.map((name) => readJson(path.join(FOLDER, name)).uid);
    expect(new Set(uids).size).toBe(files.length);
  });

  describe.each(files)('%s', (name) => {
    const dashboard = readJson(path.join(FOLDER, name));

    it('lets the reader choose the data source', () => {
      const { list } = dashboard.templating as { list: Array<{ type: string; name: string; query: string }> };
      expect(list).toContainEqual(expect.objectContaining({ type: 'datasource', name: 'datasource', query: TYPE }));
      expect(hardCodedDataSources(dashboard)).toEqual([]);
    });

    it('can be bundled and provisioned from the same file', () => {
      expect(dashboard).not.toHaveProperty('__inputs');
      expect(typeof dashboard.id).not.toBe('number');
      expect(dashboard.uid).toMatch(/^tlsrpt-/);
    });
  });
});
