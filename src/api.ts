import { config, getBackendSrv, isFetchError } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';

import { type RetryAnswer, type SourcesAnswer } from './types';

function resourceUrl(uid: string, path: string): string {
  return `/api/datasources/uid/${encodeURIComponent(uid)}/resources/${path}`;
}

async function request<T>(method: 'GET' | 'POST', uid: string, path: string): Promise<T> {
  const url = resourceUrl(uid, path);
  // What came of it is said where it was asked for, and not in a corner too.
  const quiet = { showErrorAlert: false, showSuccessAlert: false };
  const response = await lastValueFrom(getBackendSrv().fetch<T>({ method, url, ...quiet }));
  return response.data;
}

export function getSources(uid: string): Promise<SourcesAnswer> {
  return request('GET', uid, 'sources');
}

export function pollNow(uid: string, sourceId: string): Promise<void> {
  return request('POST', uid, `sources/${encodeURIComponent(sourceId)}/poll`);
}

/** Tries one document of the quarantine again, and waits for what comes of it. */
export function retryOne(uid: string, id: number): Promise<RetryAnswer> {
  return request('POST', uid, `quarantine/${id}/retry`);
}

/** Begins to try again what is in quarantine for a reason, or all of it without one. */
export function retryMany(uid: string, reason = ''): Promise<void> {
  return request('POST', uid, `quarantine/retry?reason=${encodeURIComponent(reason)}`);
}

/** The address under which the browser downloads a document of the quarantine. */
export function downloadUrl(uid: string, id: number): string {
  return `${config.appSubUrl ?? ''}${resourceUrl(uid, `quarantine/${id}/raw`)}`;
}

/** Returns the first bytes of a document of the quarantine, at most so many. */
export async function getRawStart(uid: string, id: number, limit: number): Promise<Uint8Array> {
  const url = resourceUrl(uid, `quarantine/${id}/raw`);
  const response = await lastValueFrom(
    getBackendSrv().fetch<ArrayBuffer>({
      url,
      headers: { Range: `bytes=0-${limit - 1}` },
      responseType: 'arraybuffer',
      showErrorAlert: false,
      hideFromInspector: true,
    })
  );
  // A proxy on the way may drop the range.
  return new Uint8Array(response.data).subarray(0, limit);
}

interface ErrorBody {
  message?: string;
  results?: Record<string, { error?: string }>;
}

/** Returns what went wrong with a request, for a person. */
export function sentenceOf(error: unknown): string {
  if (isFetchError<ErrorBody | ArrayBuffer>(error)) {
    const { message, results } = bodyOf(error.data);
    const refusal = Object.values(results ?? {}).find((result) => result.error)?.error;
    return refusal || message || error.statusText || `The request failed with status ${error.status}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** An answer that was asked for as bytes has its error in bytes too. */
function bodyOf(data?: ErrorBody | ArrayBuffer): ErrorBody {
  if (!data || !('byteLength' in data)) {
    return data ?? {};
  }
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return {};
  }
}
