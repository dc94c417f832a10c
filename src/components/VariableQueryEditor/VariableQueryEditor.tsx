import { type QueryEditorProps } from '@grafana/data';
import { EditorField, EditorRow, EditorRows } from '@grafana/plugin-ui';
import { useId } from 'react';

import { type TlsRptDataSource } from '../../datasource';
import { ALL_DIMENSIONS } from '../../metrics';
import { type TlsRptQuery, type TlsRptSettings, type TlsRptVariableQuery } from '../../types';
import { DIMENSIONS } from '../../words';
import { Choice } from '../Choice';
import { NOTHING, useOptions } from '../options';
import { FilterList } from '../QueryEditor/FilterList';

type Props = QueryEditorProps<TlsRptDataSource, TlsRptQuery, TlsRptSettings, TlsRptVariableQuery>;

export function VariableQueryEditor({ datasource, query, onChange, range }: Props) {
  const id = useId();
  const { dimension = 'policyDomain', filters = NOTHING } = query;
  const options = useOptions(DIMENSIONS, ALL_DIMENSIONS);
  const change = (part: Partial<TlsRptVariableQuery>) =>
    onChange({ ...query, refId: query.refId || 'variable', dimension, filters, ...part });

  return (
    <EditorRows>
      <EditorRow>
        <EditorField label="Values of" tooltip={DIMENSIONS[dimension]?.description} width={30}>
          <Choice
            id={id}
            data-testid="variable-dimension"
            options={options}
            value={dimension}
            onChange={(next) => change({ dimension: next })}
          />
        </EditorField>
      </EditorRow>
      <EditorRow>
        <EditorField
          label="Filters"
          tooltip="Offers only values of reports for which all filters hold. They may use other variables"
        >
          <FilterList
            datasource={datasource}
            dimensions={ALL_DIMENSIONS}
            filters={filters}
            range={range}
            onChange={(next) => change({ filters: next })}
          />
        </EditorField>
      </EditorRow>
    </EditorRows>
  );
}
