import { config, getBackendSrv, isFetchError } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';

import { type AlertRule, type PresentRule, type RuleGroup, type ShippedRules } from './alertRules';
import { type RetryAnswer, type SourcesAnswer } from './types';

function resourceUrl(uid: string, path: string): string {
  return `/api/datasources/uid/${encodeURIComponent(uid)}/resources/${path}`;
}

/** What came of a request is said where it was asked for, and not in a corner too. */
const QUIET = { showErrorAlert: false, showSuccessAlert: false };

async function request<T>(method: 'GET' | 'POST', uid: string, path: string): Promise<T> {
  const url = resourceUrl(uid, path);
  const response = await lastValueFrom(getBackendSrv().fetch<T>({ method, url, ...QUIET }));
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

/** Returns the alert rules that ship, made for the data source. */
export function getShippedRules(uid: string): Promise<ShippedRules> {
  return request('GET', uid, 'alerts');
}

const RULES = '/api/v1/provisioning';

/** Asks Grafana itself, with the rights of the user. Rules that it writes can be edited by people afterwards. */
async function askGrafana<T>(method: 'GET' | 'POST' | 'PUT', url: string, data?: object): Promise<T> {
  const headers = { 'X-Disable-Provenance': 'true' };
  const response = await lastValueFrom(getBackendSrv().fetch<T>({ method, url, data, headers, ...QUIET }));
  return response.data;
}

/** Returns every alert rule that the user may see. */
export function getPresentRules(): Promise<PresentRule[]> {
  return askGrafana('GET', `${RULES}/alert-rules`);
}

/** Returns a folder's group of rules; undefined where there is none. */
export function getRuleGroup(folder: string, title: string): Promise<RuleGroup | undefined> {
  return unlessMissing(askGrafana<RuleGroup>('GET', groupUrl(folder, title)));
}

/** Writes a group of rules as a whole: what is not in it is removed. */
export function putRuleGroup(group: RuleGroup): Promise<void> {
  return askGrafana('PUT', groupUrl(group.folderUid, group.title), group);
}

export function putRule(rule: AlertRule): Promise<void> {
  return askGrafana('PUT', `${RULES}/alert-rules/${encodeURIComponent(rule.uid)}`, rule);
}

/** Makes a folder where there is none of its uid. */
export async function ensureFolder({ uid, title }: ShippedRules['folder']): Promise<void> {
  const there = await unlessMissing(askGrafana('GET', `/api/folders/${encodeURIComponent(uid)}`));
  if (!there) {
    await askGrafana('POST', '/api/folders', { uid, title });
  }
}

function groupUrl(folder: string, title: string): string {
  return `${RULES}/folder/${encodeURIComponent(folder)}/rule-groups/${encodeURIComponent(title)}`;
}

function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (isFetchError(error) && error.status === 404) {
      return undefined;
    }
    throw error;
  });
}

/** Says whether Grafana refused a request for want of rights. */
export function isForbidden(error: unknown): boolean {
  return isFetchError(error) && error.status === 403;
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
