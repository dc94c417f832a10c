import {
  type AnnotationEvent,
  AnnotationEventFieldSource,
  type AnnotationQuery,
  createDataFrame,
  type DataFrame,
  FieldType,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { annotationSupport } from './annotations';
import { type TlsRptQuery } from './types';

type Annotation = AnnotationQuery<TlsRptQuery>;

const NEW = { name: 'New', enable: true, iconColor: 'red' } as Annotation;
const prepare = (stored: Annotation): Annotation => annotationSupport.prepareAnnotation!(stored);

describe('the query of annotations', () => {
  it('is that for events at first', () => {
    expect(prepare(NEW)).toEqual({ ...NEW, target: { refId: 'Anno', queryType: 'events', filters: [] } });
  });

  it('comes back as the same object once it is complete, or Grafana would ask without end', () => {
    const complete = prepare(NEW);
    expect(prepare(complete)).toBe(complete);
  });

  it('is kept as it is', () => {
    const target: TlsRptQuery = { refId: 'Anno', queryType: 'incidents', filters: [] };
    expect(prepare({ ...NEW, target })).toEqual({ ...NEW, target });
  });

  it('is kept where newer dashboards have it', () => {
    const spec = { queryType: 'events', filters: [], trust: 'authenticated' };
    expect(prepare({ ...NEW, query: { kind: 'tlsrpt-reports-datasource', spec } }).target).toEqual({
      refId: 'Anno',
      ...spec,
    });
  });
});

const EVENTS = createDataFrame({
  fields: [
    { name: 'time', type: FieldType.time, config: { displayName: 'Time' }, values: [1000, 2000] },
    { name: 'timeEnd', type: FieldType.time, config: { displayName: 'End' }, values: [null, 3000] },
    { name: 'title', type: FieldType.string, config: { displayName: 'Title' }, values: ['first', 'incident'] },
    { name: 'text', type: FieldType.string, config: { displayName: 'Text' }, values: ['a', 'b'] },
    { name: 'tags', type: FieldType.string, config: { displayName: 'Tags' }, values: ['', 'incident,open'] },
  ],
});

function events(frame: DataFrame, mappings?: Annotation['mappings']): Promise<AnnotationEvent[] | undefined> {
  return lastValueFrom(annotationSupport.processEvents!({ ...NEW, mappings }, [frame]));
}

describe('the events', () => {
  it('are points and regions, each with an end', async () => {
    expect(await events(EVENTS)).toEqual([
      { time: 1000, timeEnd: 1000, title: 'first', text: 'a', tags: [] },
      { time: 2000, timeEnd: 3000, title: 'incident', text: 'b', tags: ['incident', 'open'] },
    ]);
  });

  it('take the fields that a person has chosen', async () => {
    const { Field, Skip, Text } = AnnotationEventFieldSource;
    const mappings = {
      text: { source: Field, value: 'Title' },
      title: { source: Text, value: 'TLS-RPT' },
      timeEnd: { source: Skip },
    };
    expect((await events(EVENTS, mappings))?.[1]).toMatchObject({ text: 'incident', title: 'TLS-RPT', timeEnd: 2000 });
  });

  it('are made of other tables too', async () => {
    const incidents = createDataFrame({
      fields: [
        { name: 'policyDomain', type: FieldType.string, values: ['example.com'] },
        { name: 'firstDay', type: FieldType.time, values: [5000] },
      ],
    });
    expect(await events(incidents)).toMatchObject([{ time: 5000, text: 'example.com' }]);
  });

  it('are none where there is no time', async () => {
    expect(await events(createDataFrame({ fields: [{ name: 'text', values: ['a'] }] }))).toEqual([]);
  });
});
