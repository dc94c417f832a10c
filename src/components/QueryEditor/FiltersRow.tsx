import { type TimeRange } from '@grafana/data';
import { EditorField, EditorRow } from '@grafana/plugin-ui';

import { type TlsRptDataSource } from '../../datasource';
import { dimensionProblem, filterDimensions } from '../../query';
import { type TlsRptQuery } from '../../types';
import { FilterList } from './FilterList';

interface Props {
  datasource: TlsRptDataSource;
  query: TlsRptQuery;
  range?: TimeRange;
  onChange: (query: TlsRptQuery) => void;
}

export function FiltersRow({ datasource, query, range, onChange }: Props) {
  const filters = query.filters ?? [];
  const allowed = filterDimensions(query);
  const problem = dimensionProblem(
    query,
    filters.map(({ dimension }) => dimension),
    allowed
  );

  return (
    <EditorRow>
      <EditorField
        label="Filters"
        tooltip="All filters must hold; of the values of one filter, any. A filter without values does nothing"
        invalid={problem !== null}
        error={problem}
      >
        <FilterList
          datasource={datasource}
          dimensions={allowed}
          filters={filters}
          range={range}
          onChange={(next) => onChange({ ...query, filters: next })}
        />
      </EditorField>
    </EditorRow>
  );
}
