import { getBackendSrv, isFetchError } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';

import { type SourcesAnswer } from '../../types';

async function request<T>(method: 'GET' | 'POST', uid: string, path: string): Promise<T> {
  const url = `/api/datasources/uid/${encodeURIComponent(uid)}/resources/${path}`;
  const response = await lastValueFrom(getBackendSrv().fetch<T>({ method, url, showErrorAlert: false }));
  return response.data;
}

export function getSources(uid: string): Promise<SourcesAnswer> {
  return request('GET', uid, 'sources');
}

export function pollNow(uid: string, sourceId: string): Promise<void> {
  return request('POST', uid, `sources/${encodeURIComponent(sourceId)}/poll`);
}

/** Returns what went wrong with a request, for a person. */
export function sentenceOf(error: unknown): string {
  if (isFetchError<{ message?: string }>(error)) {
    return error.data?.message || error.statusText || `The request failed with status ${error.status}`;
  }
  return error instanceof Error ? error.message : String(error);
}
