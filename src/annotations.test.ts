import { AnnotationEventFieldSource, type AnnotationQuery } from '@grafana/data';
import { readFileSync } from 'fs';
import path from 'path';

import { annotationSupport, END_FIELD } from './annotations';
import { type TlsRptQuery } from './types';

type Annotation = AnnotationQuery<TlsRptQuery>;

const NEW = { name: 'New', enable: true, iconColor: 'red' } as Annotation;
const prepare = (stored: Annotation): Annotation => annotationSupport.prepareAnnotation!(stored);

describe('annotations', () => {
  it('are events at first, with regions', () => {
    expect(prepare(NEW)).toEqual({
      ...NEW,
      target: { refId: 'Anno', queryType: 'events', filters: [] },
      mappings: { timeEnd: { source: AnnotationEventFieldSource.Field, value: END_FIELD } },
    });
  });

  it('come back as the same object once they are complete, or Grafana would ask without end', () => {
    const complete = prepare(NEW);
    expect(prepare(complete)).toBe(complete);
  });

  it('keep the query that they have', () => {
    const target: TlsRptQuery = { refId: 'Anno', queryType: 'incidents', filters: [] };
    expect(prepare({ ...NEW, target })).toEqual({ ...NEW, target });
  });

  it('keep the query where newer dashboards have it', () => {
    const spec = { queryType: 'events', filters: [], trust: 'authenticated' };
    expect(prepare({ ...NEW, query: { kind: 'tlsrpt-reports-datasource', spec } }).target).toEqual({
      refId: 'Anno',
      ...spec,
    });
  });

  it('keep where a person took another field for the end', () => {
    const mappings = { timeEnd: { source: AnnotationEventFieldSource.Skip } };
    expect(prepare({ ...NEW, mappings }).mappings).toEqual(mappings);
  });

  it('find the fields in what the backend answers', () => {
    const golden = path.join(__dirname, '..', 'pkg', 'frames', 'testdata', 'events.golden.json');
    const [frame]: Array<{ schema: { fields: Array<{ name: string; config: { displayName: string } }> } }> = JSON.parse(
      readFileSync(golden, 'utf8')
    );
    const shown = Object.fromEntries(frame.schema.fields.map(({ name, config }) => [name, config.displayName]));
    expect(shown.timeEnd).toBe(END_FIELD);
    // Grafana finds these by themselves, in any case.
    for (const name of ['time', 'title', 'text', 'tags']) {
      expect(shown[name].toLowerCase()).toBe(name);
    }
  });
});
