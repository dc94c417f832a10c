import {
  CustomVariableSupport,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  type QueryEditorProps,
} from '@grafana/data';
import { createElement } from 'react';
import { from, map, type Observable } from 'rxjs';

import { VariableQueryEditor } from './components/VariableQueryEditor/VariableQueryEditor';
import { type TlsRptDataSource } from './datasource';
import { type TlsRptQuery, type TlsRptSettings, type TlsRptVariableQuery } from './types';

type Api = DataSourceApi<TlsRptQuery, TlsRptSettings>;
type EditorProps = QueryEditorProps<Api, TlsRptQuery, TlsRptSettings, TlsRptVariableQuery>;

/** The most values that a variable offers. */
const VALUE_LIMIT = 1000;

/** Dashboard variables: the values of one dimension. */
export class TlsRptVariables extends CustomVariableSupport<Api, TlsRptVariableQuery> {
  editor = (props: EditorProps) => createElement(VariableQueryEditor, { ...props, datasource: this.datasource });

  constructor(private readonly datasource: TlsRptDataSource) {
    super();
  }

  getDefaultQuery(): Partial<TlsRptVariableQuery> {
    return { dimension: 'policyDomain', filters: [] };
  }

  query({ targets, range, scopedVars }: DataQueryRequest<TlsRptVariableQuery>): Observable<DataQueryResponse> {
    const { dimension = 'policyDomain', filters } = targets[0];
    return from(this.datasource.getDimensionValues(dimension, { filters, range, scopedVars, limit: VALUE_LIMIT })).pipe(
      map(({ values }) => ({ data: values }))
    );
  }
}
