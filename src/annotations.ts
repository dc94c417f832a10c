import {
  AnnotationEventFieldSource,
  type AnnotationEventMappings,
  type AnnotationQuery,
  type AnnotationSupport,
} from '@grafana/data';

import { EVENTS_QUERY } from './query';
import { type TlsRptQuery } from './types';

/**
 * The name under which a row of the query `events` shows where it ended. Of the
 * other fields Grafana knows by their names what they mean.
 */
export const END_FIELD = 'End';

/** Grafana's newer dashboards have the query in a place of its own, and copy it from target when it is changed. */
type Annotation = AnnotationQuery<TlsRptQuery> & { query?: { spec?: Partial<TlsRptQuery> } };

/** Annotations are what happened: the query `events`, with regions for what has a length. */
export const annotationSupport: AnnotationSupport<TlsRptQuery> = {
  getDefaultQuery: () => EVENTS_QUERY,

  // Grafana stores what comes back where it is another object, and asks again:
  // what is complete must come back as it is.
  prepareAnnotation: (stored: Annotation): Annotation => {
    const prepared = withQuery(stored);
    if (prepared.target?.queryType !== EVENTS_QUERY.queryType || prepared.mappings?.timeEnd) {
      return prepared;
    }
    const mappings: AnnotationEventMappings = {
      ...prepared.mappings,
      timeEnd: { source: AnnotationEventFieldSource.Field, value: END_FIELD },
    };
    return { ...prepared, mappings };
  },
};

function withQuery(stored: Annotation): Annotation {
  if (stored.target?.queryType) {
    return stored;
  }
  const spec = stored.query?.spec?.queryType ? stored.query.spec : EVENTS_QUERY;
  return { ...stored, target: { refId: 'Anno', ...stored.target, ...spec } as TlsRptQuery };
}
