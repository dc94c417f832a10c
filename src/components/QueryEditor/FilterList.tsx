import { css } from '@emotion/css';
import { type GrafanaTheme2, type TimeRange } from '@grafana/data';
import { AccessoryButton } from '@grafana/plugin-ui';
import { Button, type ComboboxOption, MultiCombobox, useStyles2 } from '@grafana/ui';
import { useCallback, useMemo } from 'react';

import { type TlsRptDataSource } from '../../datasource';
import { DIMENSIONS } from '../../words';
import { type Dimension, type Filter, type Operator } from '../../types';
import { Choice } from '../Choice';
import { useOptions } from '../options';

/** The most values that are offered at once; typing narrows them. */
const SUGGESTION_LIMIT = 100;

const OPERATORS: Array<ComboboxOption<Operator>> = [
  { value: '=', label: '=', description: 'Is one of' },
  { value: '!=', label: '!=', description: 'Is none of' },
  { value: '=~', label: '=~', description: 'Matches a regular expression' },
  { value: '!~', label: '!~', description: 'Matches no regular expression' },
];

interface Props {
  datasource: TlsRptDataSource;
  dimensions: Dimension[];
  filters: Filter[];
  range?: TimeRange;
  onChange: (filters: Filter[]) => void;
}

export function FilterList({ datasource, dimensions, filters, range, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const replace = (index: number, filter: Filter) => onChange(filters.map((f, i) => (i === index ? filter : f)));
  const remove = (index: number) => onChange(filters.filter((_, i) => i !== index));
  const add = () => onChange([...filters, { dimension: dimensions[0], operator: '=', values: [] }]);

  return (
    <div className={styles.list}>
      {filters.map((filter, index) => (
        <FilterRow
          key={index}
          datasource={datasource}
          dimensions={dimensions}
          filter={filter}
          others={filters.filter((_, i) => i !== index)}
          number={index + 1}
          range={range}
          onChange={(next) => replace(index, next)}
          onRemove={() => remove(index)}
        />
      ))}
      <Button
        icon="plus"
        size="md"
        variant="secondary"
        disabled={dimensions.length === 0}
        onClick={add}
        aria-label="Add filter"
        type="button"
      />
    </div>
  );
}

interface RowProps extends Omit<Props, 'filters' | 'onChange'> {
  filter: Filter;
  others: Filter[];
  number: number;
  onChange: (filter: Filter) => void;
  onRemove: () => void;
}

function FilterRow({ datasource, dimensions, filter, others, number, range, onChange, onRemove }: RowProps) {
  const styles = useStyles2(getStyles);
  const { dimension, operator, values } = filter;
  const loadValues = useValueOptions(datasource, dimension, others, range);
  const isKnown = dimensions.includes(dimension);
  const options = useOptions(DIMENSIONS, isKnown ? dimensions : [...dimensions, dimension]);

  return (
    <div className={styles.row} role="group" aria-label={`Filter ${number}`}>
      <Choice
        data-testid={`filter-dimension-${number}`}
        aria-label={`Filter ${number} dimension`}
        width={22}
        invalid={!isKnown}
        options={options}
        value={dimension}
        onChange={(next) => onChange({ ...filter, dimension: next, values: [] })}
      />
      <Choice
        data-testid={`filter-operator-${number}`}
        aria-label={`Filter ${number} operator`}
        width={9}
        options={OPERATORS}
        value={operator}
        onChange={(next) => onChange({ ...filter, operator: next })}
      />
      <MultiCombobox
        data-testid={`filter-values-${number}`}
        width="auto"
        minWidth={28}
        maxWidth={60}
        placeholder={operator.endsWith('~') ? 'Pattern, such as ^mx\\d' : 'Choose or type'}
        createCustomValue
        customValueDescription="Use what you typed"
        options={loadValues}
        value={values}
        onChange={(chosen) => onChange({ ...filter, values: chosen.map(({ value }) => value) })}
      />
      <AccessoryButton icon="times" variant="secondary" onClick={onRemove} aria-label={`Remove filter ${number}`} />
    </div>
  );
}

/** Offers the dashboard's variables, and the values that the data has beside the other filters. */
function useValueOptions(datasource: TlsRptDataSource, dimension: Dimension, others: Filter[], range?: TimeRange) {
  // The parent makes a new list at each rendering; only another content shall ask again.
  const othersKey = JSON.stringify(others);
  const filters = useMemo((): Filter[] => JSON.parse(othersKey), [othersKey]);

  return useCallback(
    async (search: string): Promise<Array<ComboboxOption<string>>> => {
      const variables = datasource
        .getVariableReferences()
        .filter((name) => name.includes(search))
        .map((value) => ({ value, label: value, description: 'Dashboard variable' }));
      try {
        const answer = await datasource.getDimensionValues(dimension, {
          filters,
          range,
          search,
          limit: SUGGESTION_LIMIT,
        });
        const found = answer.values.map(({ value, text }) => ({ value, label: text }));
        const more = { value: '', label: 'There are more: type to narrow them', infoOption: true };
        return [...variables, ...found, ...(answer.more ? [more] : [])];
      } catch {
        const note = { value: '', label: 'The values could not be loaded; type one', infoOption: true };
        return [...variables, note];
      }
    },
    [datasource, dimension, filters, range]
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1) }),
  row: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.25) }),
});
