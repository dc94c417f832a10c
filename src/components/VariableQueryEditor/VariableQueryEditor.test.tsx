import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

import { testDataSource } from '../../test/datasource';
import { type TlsRptVariableQuery } from '../../types';
import { VariableQueryEditor } from './VariableQueryEditor';

function show(query: Partial<TlsRptVariableQuery>) {
  const onChange = jest.fn();
  const { datasource } = testDataSource();
  render(
    <VariableQueryEditor
      datasource={datasource}
      query={query as TlsRptVariableQuery}
      onChange={onChange}
      onRunQuery={jest.fn()}
    />
  );
  return onChange;
}

describe('VariableQueryEditor', () => {
  it('makes a whole query of the first choice', async () => {
    const onChange = show({});
    await userEvent.click(screen.getByTestId('variable-dimension'));
    await userEvent.click(await screen.findByRole('option', { name: /^Reporter/ }));
    expect(onChange).toHaveBeenCalledWith({ refId: 'variable', dimension: 'reporter', filters: [] });
  });

  it('adds filters', async () => {
    const onChange = show({ refId: 'A', dimension: 'receivingMx' });
    await userEvent.click(screen.getByRole('button', { name: 'Add filter' }));
    expect(onChange).toHaveBeenCalledWith({
      refId: 'A',
      dimension: 'receivingMx',
      filters: [{ dimension: 'policyDomain', operator: '=', values: [] }],
    });
  });
});
