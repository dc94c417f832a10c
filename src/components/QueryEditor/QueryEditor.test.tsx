import { dateTime, OrgRole } from '@grafana/data';
import { config } from '@grafana/runtime';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { of } from 'rxjs';

import { testDataSource } from '../../test/datasource';
import { type DimensionAnswer, type TlsRptQuery } from '../../types';
import { QueryEditor } from './QueryEditor';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getBackendSrv: () => ({ fetch: () => of({ data: { results: {} } }) }),
}));

const RANGE = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };

const RATE: TlsRptQuery = {
  refId: 'A',
  queryType: 'trend',
  metric: 'failureRate',
  groupBy: ['policyDomain'],
  filters: [],
};

/** Shows the editor as a panel does, and returns the query that would be saved. */
function show(query: Partial<TlsRptQuery>, answer?: DimensionAnswer) {
  const { datasource, getResource } = testDataSource({ domain: { value: 'example.com' } }, answer);
  const saved = { current: undefined as unknown as TlsRptQuery };
  const onRunQuery = jest.fn();
  const Page = () => {
    const [current, setCurrent] = useState({ refId: 'A', ...query } as TlsRptQuery);
    saved.current = current;
    return (
      <QueryEditor
        datasource={datasource}
        query={current}
        onChange={setCurrent}
        onRunQuery={onRunQuery}
        range={RANGE}
      />
    );
  };
  render(<Page />);
  return { saved, onRunQuery, getResource };
}

async function choose(field: HTMLElement, option: string | RegExp) {
  await userEvent.click(field);
  await userEvent.click(await screen.findByRole('option', { name: option }));
}

async function optionsIn(field: HTMLElement): Promise<string> {
  await userEvent.click(field);
  await screen.findAllByRole('option');
  return screen.getByRole('listbox').textContent ?? '';
}

describe('QueryEditor', () => {
  it('starts with what it shows, and runs it', async () => {
    const { saved, onRunQuery } = show({});
    await waitFor(() => expect(saved.current).toEqual(RATE));
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it('leaves a saved query alone', () => {
    const { saved, onRunQuery } = show(RATE);
    expect(saved.current).toEqual(RATE);
    expect(onRunQuery).not.toHaveBeenCalled();
  });

  it('runs the query when the metric is changed', async () => {
    const { saved, onRunQuery } = show(RATE);
    await choose(screen.getByTestId('query-metric'), /^Failed sessions/);
    expect(saved.current).toEqual({ ...RATE, metric: 'failedSessions' });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it('offers failure details as groups for failed sessions', async () => {
    show({ ...RATE, metric: 'failedSessions' });
    expect(await optionsIn(screen.getByLabelText('Group by'))).toContain('Result type');
  });

  it('offers no failure details as groups for another metric', async () => {
    show(RATE);
    const options = await optionsIn(screen.getByLabelText('Group by'));
    expect(options).toContain('Reporter');
    expect(options).not.toContain('Result type');
  });

  it('says why a saved query can’t have failure details', () => {
    show({ ...RATE, groupBy: ['resultType'] });
    expect(screen.getByText(/reports tell this of failed sessions alone/)).toBeInTheDocument();
  });

  it('offers all that the backend answers', async () => {
    show({ ...RATE, queryType: 'summary' });
    const types = await optionsIn(screen.getByTestId('query-type'));
    for (const label of ['Status', 'Incidents', 'Policies', 'Readiness', 'Counters']) {
      expect(types).toContain(label);
    }
    // The list holds what fits into it; typing finds the rest.
    await userEvent.keyboard('Events');
    expect(await screen.findByRole('option', { name: /^Events/ })).toBeInTheDocument();
  });

  it('tells the query in words', () => {
    show({ ...RATE, trust: 'authenticated' });
    expect(screen.getByTestId('query-text')).toHaveTextContent('Failure rate by domain, authenticated only');
  });

  it('says why a range of a second shows nothing', () => {
    show(RATE);
    expect(screen.getByText(/Choose a longer time range/)).toBeInTheDocument();
  });

  it('makes a table of several metrics, and one number again', async () => {
    const { saved } = show({ ...RATE, queryType: 'summary' });
    await userEvent.click(screen.getByLabelText('Table'));
    expect(saved.current).toMatchObject({ metrics: ['failureRate'] });
    expect(saved.current.metric).toBeUndefined();
    await choose(screen.getByLabelText('Metrics'), /^Reports\b/);
    expect(saved.current.metrics).toEqual(['failureRate', 'reports']);
    await userEvent.click(screen.getByLabelText('One number'));
    expect(saved.current).toMatchObject({ metric: 'failureRate' });
    expect(saved.current.metrics).toBeUndefined();
  });

  it('shows no metric for a table of rows', async () => {
    const { saved } = show(RATE);
    await choose(screen.getByTestId('query-type'), /^Failures/);
    expect(saved.current).toEqual({ refId: 'A', queryType: 'failures', filters: [] });
    expect(screen.queryByTestId('query-metric')).not.toBeInTheDocument();
  });
});

describe('the filters', () => {
  const filtered: TlsRptQuery = {
    ...RATE,
    filters: [
      { dimension: 'policyDomain', operator: '=', values: [] },
      { dimension: 'reporter', operator: '=', values: ['Google'] },
    ],
  };

  it('are added empty and removed', async () => {
    const { saved } = show(RATE);
    await userEvent.click(screen.getByRole('button', { name: 'Add filter' }));
    expect(saved.current.filters).toEqual([{ dimension: 'policyDomain', operator: '=', values: [] }]);
    await userEvent.click(screen.getByRole('button', { name: 'Remove filter 1' }));
    expect(saved.current.filters).toEqual([]);
  });

  it('offer the values that the data has, within the range and beside the other filters', async () => {
    const values = [{ value: 'xn--bcher-kva.example', text: 'bücher.example' }];
    const { saved, getResource } = show(filtered, { values, more: true });
    await choose(screen.getByTestId('filter-values-1'), 'bücher.example');
    expect(saved.current.filters?.[0].values).toEqual(['xn--bcher-kva.example']);
    expect(getResource).toHaveBeenCalledWith(
      'dimensions/policyDomain',
      expect.objectContaining({ from: 1000, to: 2000, filters: JSON.stringify([filtered.filters?.[1]]) })
    );
    expect(screen.getByText('There are more: type to narrow them')).toBeInTheDocument();
  });

  it('offer the dashboard’s variables', async () => {
    const { saved } = show(filtered);
    await choose(screen.getByTestId('filter-values-1'), /^\$domain/);
    expect(saved.current.filters?.[0].values).toEqual(['$domain']);
  });

  it('take what is typed', async () => {
    const { saved } = show(filtered);
    await userEvent.type(screen.getByTestId('filter-values-1'), 'example.net');
    await userEvent.click(await screen.findByRole('option', { name: /^example\.net/ }));
    expect(saved.current.filters?.[0].values).toEqual(['example.net']);
  });

  it('forget their values with another dimension, and keep them with another operator', async () => {
    const { saved } = show(filtered);
    await choose(screen.getByTestId('filter-operator-2'), /^!=/);
    expect(saved.current.filters?.[1]).toEqual({ dimension: 'reporter', operator: '!=', values: ['Google'] });
    await choose(screen.getByTestId('filter-dimension-2'), /^Source/);
    expect(saved.current.filters?.[1]).toEqual({ dimension: 'source', operator: '!=', values: [] });
  });
});

describe('the options', () => {
  it('are folded into a line that says how they stand', () => {
    show({ ...RATE, trust: 'authenticated' });
    for (const text of ['Interval: Auto', 'Trust: Authenticated only', 'Counting: Each session once', 'Limit: 20']) {
      expect(screen.getByText(text)).toBeInTheDocument();
    }
  });

  it('keep a word that a variable gives', () => {
    show({ ...RATE, trust: '$trust' } as unknown as TlsRptQuery);
    expect(screen.getByText('Trust: $trust')).toBeInTheDocument();
  });

  it('run a number when it is left, not at each key', async () => {
    const { saved, onRunQuery } = show(RATE);
    await userEvent.click(screen.getByRole('button', { name: /Options/ }));
    await userEvent.type(screen.getByLabelText('Limit'), '50');
    expect(onRunQuery).not.toHaveBeenCalled();
    await userEvent.tab();
    expect(saved.current.limit).toBe(50);
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it('say what a lateness looks like', async () => {
    show({ ...RATE, maxLateness: '7 days' });
    await userEvent.click(screen.getByRole('button', { name: /Options/ }));
    expect(screen.getByText(/such as 7d$/)).toBeInTheDocument();
  });

  it('leave out what means nothing to the query', async () => {
    show({ refId: 'A', queryType: 'quarantine' });
    await screen.findByText(/^Nothing of this time range is in quarantine/);
    expect(screen.getByText('Limit: 500')).toBeInTheDocument();
    expect(screen.queryByText(/Counting/)).not.toBeInTheDocument();
  });
});

describe('what can be done with rows', () => {
  it('is work on the quarantine', async () => {
    show({ queryType: 'quarantine' });
    expect(await screen.findByText(/^Nothing of this time range is in quarantine/)).toBeInTheDocument();
  });

  it('is said to those who may download a report', () => {
    config.bootData.user.orgRole = OrgRole.Editor;
    show({ queryType: 'reports' });
    expect(screen.getByText(/leads to the report as it was sent/)).toBeInTheDocument();
  });

  it('is nothing for viewers of reports', () => {
    config.bootData.user.orgRole = OrgRole.Viewer;
    show({ queryType: 'reports' });
    expect(screen.queryByText(/as it was sent/)).not.toBeInTheDocument();
  });
});
