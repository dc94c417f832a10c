import { config } from '@grafana/runtime';

/** Says whether the user may see raw bytes, poll and try again. The backend judges it as well. */
export function mayEdit(): boolean {
  const { orgRole, isGrafanaAdmin } = config.bootData.user;
  return isGrafanaAdmin || orgRole === 'Admin' || orgRole === 'Editor';
}
