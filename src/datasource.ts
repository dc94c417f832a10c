import { CoreApp, type DataSourceInstanceSettings, type ScopedVars, type TimeRange } from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';

import { annotationSupport } from './annotations';
import { interpolateFilters, interpolateQuery } from './interpolation';
import { hasMetric } from './metrics';
import { ALERT_QUERY, DEFAULT_QUERY } from './query';
import { queryText } from './queryText';
import { type Dimension, type DimensionAnswer, type Filter, type TlsRptQuery, type TlsRptSettings } from './types';
import { TlsRptVariables } from './variables';

export interface DimensionRequest {
  filters?: Filter[];
  range?: TimeRange;
  search?: string;
  limit?: number;
  scopedVars?: ScopedVars;
}

export class TlsRptDataSource extends DataSourceWithBackend<TlsRptQuery, TlsRptSettings> {
  constructor(
    instanceSettings: DataSourceInstanceSettings<TlsRptSettings>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(instanceSettings);
    this.annotations = annotationSupport;
    this.variables = new TlsRptVariables(this);
  }

  getDefaultQuery(app: CoreApp): Partial<TlsRptQuery> {
    return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting ? ALERT_QUERY : DEFAULT_QUERY;
  }

  /** Tells the query in words, where its editor is folded in and in Explore's history. */
  getQueryDisplayText(query: TlsRptQuery): string {
    return queryText(query);
  }

  filterQuery(query: TlsRptQuery): boolean {
    if (!query.queryType) {
      return false;
    }
    return !hasMetric(query.queryType) || Boolean(query.metric) || Boolean(query.metrics?.length);
  }

  applyTemplateVariables(query: TlsRptQuery, scopedVars: ScopedVars): TlsRptQuery {
    return interpolateQuery(query, this.templateSrv, scopedVars);
  }

  interpolateVariablesInQueries(queries: TlsRptQuery[], scopedVars: ScopedVars): TlsRptQuery[] {
    return queries.map((query) => ({ ...this.applyTemplateVariables(query, scopedVars), datasource: this.getRef() }));
  }

  /** Returns how a query refers to each variable of the dashboard. */
  getVariableReferences(): string[] {
    return this.templateSrv.getVariables().map(({ name }) => `$${name}`);
  }

  /** Returns the values that a dimension has in the range, in order. */
  getDimensionValues(dimension: Dimension, request: DimensionRequest): Promise<DimensionAnswer> {
    const { filters = [], range, search, limit, scopedVars } = request;
    return this.getResource<DimensionAnswer>(`dimensions/${dimension}`, {
      filters: JSON.stringify(interpolateFilters(filters, this.templateSrv, scopedVars)),
      ...(range && { from: range.from.valueOf(), to: range.to.valueOf() }),
      ...(search && { search }),
      ...(limit && { limit }),
    });
  }
}
