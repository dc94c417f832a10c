import { type TimeRange } from '@grafana/data';
import { EditorField, EditorRow } from '@grafana/plugin-ui';
import { Text } from '@grafana/ui';

import { type TlsRptDataSource } from '../../datasource';
import { mayEdit } from '../../rights';
import { type TlsRptQuery } from '../../types';
import { QuarantineList } from '../Quarantine/QuarantineList';

interface Props {
  datasource: TlsRptDataSource;
  query: TlsRptQuery;
  range?: TimeRange;
}

/** What can be done with the rows of a table, beside looking at them. */
export function RowsHelp({ datasource, query, range }: Props) {
  switch (query.queryType) {
    case 'reports':
      return mayEdit() ? (
        <EditorRow>
          <Text color="secondary" variant="bodySmall">
            The id of a row leads to the report as it was sent, to download.
          </Text>
        </EditorRow>
      ) : null;
    case 'quarantine':
      return range ? (
        <EditorRow>
          <EditorField
            label="Work on it"
            tooltip="What came in the time range of this query: look at it, and try it again after an upgrade or a change of the settings"
          >
            <QuarantineList
              uid={datasource.uid}
              request={{
                filters: datasource.applyTemplateVariables(query, {}).filters ?? [],
                from: range.from.valueOf(),
                to: range.to.valueOf(),
              }}
              emptyText="Nothing of this time range is in quarantine: all that came could be used, or was ignored as no TLS report."
            />
          </EditorField>
        </EditorRow>
      ) : null;
    default:
      return null;
  }
}
