import {
  type AnnotationEvent,
  AnnotationEventFieldSource,
  type AnnotationEventMappings,
  type AnnotationQuery,
  type AnnotationSupport,
  type DataFrame,
  type Field,
  FieldType,
  getFieldDisplayName,
} from '@grafana/data';
import { of } from 'rxjs';

import { EVENTS_QUERY } from './query';
import { type TlsRptQuery } from './types';

/** Grafana's newer dashboards have the query in a place of its own, and copy it from target when it is changed. */
type Annotation = AnnotationQuery<TlsRptQuery> & { query?: { spec?: Partial<TlsRptQuery> } };

/** Annotations are what happened: the query `events`, with regions for what has a length. */
export const annotationSupport: AnnotationSupport<TlsRptQuery> = {
  getDefaultQuery: () => EVENTS_QUERY,

  // Grafana stores what comes back where it is another object, and asks again:
  // what is complete must come back as it is.
  prepareAnnotation: (stored: Annotation): Annotation => {
    if (stored.target?.queryType) {
      return stored;
    }
    const spec = stored.query?.spec?.queryType ? stored.query.spec : EVENTS_QUERY;
    return { ...stored, target: { refId: 'Anno', ...stored.target, ...spec } as TlsRptQuery };
  },

  processEvents: ({ mappings = {} }, frames) => of(frames.flatMap((frame) => eventsOf(frame, mappings))),
};

/**
 * Makes events of rows. Grafana's own way finds no end under the title of its
 * column, and takes from the first event which fields all of them have: so
 * each one has its end here, which for a point is its beginning.
 */
function eventsOf(frame: DataFrame, mappings: AnnotationEventMappings): AnnotationEvent[] {
  const valueOf = (key: 'time' | 'timeEnd' | 'title' | 'text' | 'tags') => {
    const { source, value } = mappings[key] ?? {};
    if (source === AnnotationEventFieldSource.Skip) {
      return () => undefined;
    }
    if (source === AnnotationEventFieldSource.Text) {
      return () => value;
    }
    const field = fieldNamed(frame, value ?? key) ?? substitute(frame, key);
    return (row: number): unknown => field?.values[row] ?? undefined;
  };
  const [time, timeEnd, title, text, tags] = (['time', 'timeEnd', 'title', 'text', 'tags'] as const).map(valueOf);

  return Array.from({ length: frame.length }, (_, row): AnnotationEvent => {
    const start = Number(time(row));
    return {
      time: start,
      timeEnd: Number(timeEnd(row) ?? start),
      title: wordOf(title(row)),
      text: wordOf(text(row)),
      tags: wordOf(tags(row))
        .split(',')
        .filter((tag) => tag !== ''),
    };
  }).filter(({ time: start }) => Number.isFinite(start));
}

/** Finds a field by its name, or by the title under which Grafana offers it. */
function fieldNamed(frame: DataFrame, name: string): Field | undefined {
  const wanted = name.toLowerCase();
  const namesOf = (field: Field) => [field.name, getFieldDisplayName(field, frame)];
  return frame.fields.find((field) => namesOf(field).some((known) => known.toLowerCase() === wanted));
}

/** Other queries than events have a time and a text under other names. */
function substitute(frame: DataFrame, key: string): Field | undefined {
  const types: Record<string, FieldType> = { time: FieldType.time, text: FieldType.string };
  return frame.fields.find(({ type }) => type === types[key]);
}

function wordOf(value: unknown): string {
  return value === undefined ? '' : String(value);
}
