import { formattedValueToString, getValueFormat } from '@grafana/data';
import { Alert, Text } from '@grafana/ui';

import { type StoreStatus } from '../../types';
import { ProgressBar } from './ProgressBar';

/** Says where reports are kept, and warns where they do not survive a restart. */
export function StoreInfo({ store }: { store?: StoreStatus }) {
  if (!store) {
    return null;
  }
  return (
    <>
      {store.reread && <RereadInfo {...store.reread} />}
      <PlaceInfo {...store} />
    </>
  );
}

/** Says how far stored reports have been read again; numbers change until it is over. */
function RereadInfo({ done, total, message }: NonNullable<StoreStatus['reread']>) {
  return (
    <Alert severity="info" title={message} role="status" style={{ marginBottom: 0 }}>
      <ProgressBar done={done} total={total} label="Reading stored reports again" unit="reports" />
      {'Numbers may change until this is over. Nothing is fetched from your sources for it.'}
    </Alert>
  );
}

function PlaceInfo(store: StoreStatus) {
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
