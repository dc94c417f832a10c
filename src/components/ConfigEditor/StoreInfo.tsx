import { formattedValueToString, getValueFormat } from '@grafana/data';
import { Alert, Text } from '@grafana/ui';

import { type StoreStatus } from '../../types';

/** Says where reports are kept, and warns where they do not survive a restart. */
export function StoreInfo({ store }: { store?: StoreStatus }) {
  if (!store) {
    return null;
  }
  if (store.kind === 'memory') {
    return (
      <Alert severity="warning" title="Reports are kept in memory only">
        {store.warning ||
          'They are read again after a restart. The operator of this Grafana can set “data_dir” under [plugin.tlsrpt-reports-datasource] in grafana.ini.'}
      </Alert>
    );
  }
  const size = formattedValueToString(getValueFormat('bytes')(store.bytes, 1));
  return (
    <>
      <Text color="secondary" variant="bodySmall">
        {`The store holds ${store.reports.toLocaleString('en-US')} reports in ${size} on disk.`}
      </Text>
      {store.warning && <Alert severity="warning" title={store.warning} />}
    </>
  );
}
