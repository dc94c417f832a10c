import { type QueryEditorProps } from '@grafana/data';
import { EditorField, EditorFieldGroup, EditorRow, EditorRows } from '@grafana/plugin-ui';
import { MultiCombobox, RadioButtonGroup, Text } from '@grafana/ui';
import { useEffect, useId } from 'react';

import { type TlsRptDataSource } from '../../datasource';
import { ALERT_METRICS, hasMetric, isAlertMetric, metricsOf, TABLE_METRICS } from '../../metrics';
import {
  chosenMetrics,
  DEFAULT_QUERY,
  dimensionProblem,
  groupByDimensions,
  withGroupBy,
  withMetrics,
  withQueryType,
} from '../../query';
import { queryText } from '../../queryText';
import { type Metric, type TlsRptQuery, type TlsRptSettings } from '../../types';
import { DIMENSIONS, METRICS, QUERY_TYPES } from '../../words';
import { Choice } from '../Choice';
import { NOTHING, useOptions, type Words } from '../options';
import { FiltersRow } from './FiltersRow';
import { hintFor } from './hints';
import { OptionsRow } from './OptionsRow';
import { RowsHelp } from './RowsHelp';

type Props = QueryEditorProps<TlsRptDataSource, TlsRptQuery, TlsRptSettings>;

/** The metrics with what they are about: the list of a summary is long. */
const GROUPED_METRICS = Object.fromEntries(
  metricsOf('summary').map((metric) => [metric, { ...METRICS[metric], group: groupOf(metric) }])
) as Words<Metric>;

function groupOf(metric: Metric): string {
  const [group] = Object.entries(ALERT_METRICS).find(([, metrics]) => metrics.some((m) => m === metric)) ?? [];
  return group ?? 'Sessions and reports';
}

export function QueryEditor({ datasource, query: saved, onChange, onRunQuery, range, app }: Props) {
  const id = useId();
  const query: TlsRptQuery = saved.queryType ? saved : { ...saved, ...DEFAULT_QUERY };
  const change = (next: TlsRptQuery) => {
    onChange(next);
    onRunQuery();
  };
  const queryTypes = useOptions(QUERY_TYPES);
  const isNew = !saved.queryType;
  useEffect(() => {
    // Grafana opens the editor with nothing at times: what is shown must be what runs.
    if (isNew) {
      change(query);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each new query
  }, [isNew]);

  const hint = hintFor(query, app, range);
  const text = queryText(query);
  return (
    <EditorRows>
      {text !== QUERY_TYPES[query.queryType]?.label && (
        <EditorRow>
          <Text color="secondary" variant="bodySmall" data-testid="query-text">
            {text}
          </Text>
        </EditorRow>
      )}
      <EditorRow>
        <EditorFieldGroup>
          <EditorField label="Show" tooltip={QUERY_TYPES[query.queryType]?.description} width={18}>
            <Choice
              width={18}
              id={`${id}-type`}
              data-testid="query-type"
              options={queryTypes}
              value={query.queryType}
              onChange={(queryType) => change(withQueryType(query, queryType))}
            />
          </EditorField>
          {hasMetric(query.queryType) && <MetricFields id={id} query={query} onChange={change} />}
          {hasMetric(query.queryType) && <GroupByField id={id} query={query} onChange={change} />}
        </EditorFieldGroup>
        {hint && (
          <div style={{ flexBasis: '100%' }}>
            <Text color="secondary" variant="bodySmall">
              {hint}
            </Text>
          </div>
        )}
      </EditorRow>
      <FiltersRow datasource={datasource} query={query} range={range} onChange={change} />
      <OptionsRow query={query} onChange={change} />
      <RowsHelp datasource={datasource} query={query} range={range} />
    </EditorRows>
  );
}

interface FieldProps {
  id: string;
  query: TlsRptQuery;
  onChange: (query: TlsRptQuery) => void;
}

function MetricFields({ id, query, onChange }: FieldProps) {
  const isTable = query.metrics !== undefined && query.queryType === 'summary';
  const [first] = chosenMetrics(query);
  const metrics = useOptions(query.queryType === 'summary' ? GROUPED_METRICS : METRICS, metricsOf(query.queryType));
  const tableMetrics = useOptions(METRICS, TABLE_METRICS);
  const toTable = () => onChange(withMetrics(query, TABLE_METRICS.includes(first) ? [first] : [DEFAULT_QUERY.metric]));
  const toNumber = () => onChange(withMetrics(query, first ?? DEFAULT_QUERY.metric));

  return (
    <>
      {query.queryType === 'summary' && (
        <EditorField
          label="As"
          tooltip="One number per group fits alert rules and bars; a table holds several side by side"
        >
          <RadioButtonGroup
            id={`${id}-shape`}
            options={[
              { value: false, label: 'One number' },
              { value: true, label: 'Table' },
            ]}
            value={isTable}
            onChange={(wantTable) => (wantTable ? toTable() : toNumber())}
          />
        </EditorField>
      )}
      {isTable ? (
        <EditorField label="Metrics" tooltip="The columns of the table" width={30}>
          <MultiCombobox
            width="auto"
            minWidth={30}
            maxWidth={60}
            id={`${id}-metrics`}
            data-testid="query-metrics"
            options={tableMetrics}
            value={query.metrics}
            onChange={(chosen) =>
              onChange(
                withMetrics(
                  query,
                  chosen.map(({ value }) => value)
                )
              )
            }
          />
        </EditorField>
      ) : (
        <EditorField label="Metric" tooltip={first && METRICS[first]?.description} width={26}>
          <Choice
            width={26}
            id={`${id}-metric`}
            data-testid="query-metric"
            options={metrics}
            value={query.metric}
            onChange={(metric) => onChange(withMetrics(query, metric))}
          />
        </EditorField>
      )}
    </>
  );
}

function GroupByField({ id, query, onChange }: FieldProps) {
  const allowed = groupByDimensions(query);
  const groupBy = query.groupBy ?? NOTHING;
  const options = useOptions(DIMENSIONS, [...allowed, ...groupBy.filter((d) => !allowed.includes(d))]);
  const problem = dimensionProblem(query, groupBy, allowed);
  const isAlert = chosenMetrics(query).some(isAlertMetric);

  return (
    <EditorField
      label="Group by"
      tooltip={
        isAlert
          ? 'One row, and so one alert, for each'
          : 'One line or row for each. Result type, MX and the like stand in failure details alone, so they go with the metric “Failed sessions”'
      }
      width={30}
      invalid={problem !== null}
      error={problem}
    >
      <MultiCombobox
        width="auto"
        minWidth={30}
        maxWidth={60}
        id={`${id}-group`}
        data-testid="query-group-by"
        placeholder="Nothing: one total"
        options={options}
        value={groupBy}
        onChange={(chosen) =>
          onChange(
            withGroupBy(
              query,
              chosen.map(({ value }) => value)
            )
          )
        }
      />
    </EditorField>
  );
}
