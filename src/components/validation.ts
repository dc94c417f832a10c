import { type HttpsSource, type ImapSource, type ReportSource } from '../types';

/** Setting name to a sentence that says what is wrong. */
export type Problems<T> = { [K in keyof T]?: string };

/** A time between polls, such as `5m`, `1h30m` or `1d`. */
export function isDuration(text: string): boolean {
  return /^(\d+d|(\d+(h|m|s))+)$/.test(text) && /[1-9]/.test(text);
}

/** An age such as `7d` or `36h`. */
export function isAge(text: string): boolean {
  return /^[1-9]\d*[hdw]$/.test(text);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function isDomainPattern(text: string): boolean {
  return /^(\*\.)?([\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?\.)+[\p{L}\p{N}-]{2,63}\.?$/u.test(text);
}

export function imapProblems(source: ImapSource): Problems<ImapSource> {
  return compact<ImapSource>({
    host: hostProblem(source.host ?? ''),
    port: portProblem(source.port),
    security:
      source.security === 'none' && source.host && !isLoopback(source.host)
        ? 'Without encryption only a server on this machine (localhost) is read. Choose TLS or STARTTLS'
        : undefined,
    username: source.username ? undefined : 'Enter the user that opens the mailbox',
    moveTo:
      source.afterProcessing === 'move' && !source.moveTo ? 'Enter the folder that mails are moved to' : undefined,
    folders: source.folders?.length ? undefined : 'Enter at least one folder, such as INBOX',
    ...commonProblems(source),
  });
}

export function httpsProblems(source: HttpsSource): Problems<HttpsSource> {
  return compact<HttpsSource>({
    url: urlProblem(source.url ?? ''),
    username: source.auth === 'basic' && !source.username ? 'Enter the user name' : undefined,
    ...commonProblems(source),
  });
}

/** Problems with the address of the token endpoint, an https URL without a place to fill in. */
export function tokenUrlProblem(url: string): string | undefined {
  if (url.includes('YOUR-TENANT-ID')) {
    return 'Put the id of your tenant in the place of YOUR-TENANT-ID (Microsoft Entra admin center, Overview)';
  }
  return urlProblem(url);
}

function commonProblems({ pollInterval, tlsCaCert }: ReportSource): Problems<ReportSource> {
  return {
    pollInterval:
      pollInterval && !isDuration(pollInterval) ? 'A number with s, m, h or d, such as 5m or 1h' : undefined,
    tlsCaCert: tlsCaCert ? certificateProblem(tlsCaCert) : undefined,
  };
}

function hostProblem(host: string): string | undefined {
  if (host === '') {
    return 'Enter the host name of the mail server';
  }
  if (host.includes('/') || (host.includes(':') && !/^[\da-f:]+$/i.test(host))) {
    return 'Only the host name: no “imap://” before it and no port behind it';
  }
  return /\s/.test(host) ? 'A host name holds no spaces' : undefined;
}

function portProblem(port?: number): string | undefined {
  const isPort = port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65535);
  return isPort ? undefined : 'A port is a whole number from 1 to 65535';
}

function urlProblem(text: string): string | undefined {
  if (text === '') {
    return 'Enter an address that starts with https://';
  }
  if (!URL.canParse(text)) {
    return 'This is no complete address; it starts with https://';
  }
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'https:') {
    return 'The address must start with https://';
  }
  return username || password ? 'Leave user and password out of the address; there are fields for them' : undefined;
}

function certificateProblem(pem: string): string | undefined {
  if (pem.includes('PRIVATE KEY')) {
    return 'This holds a private key. Remove it: only the certificate of the authority is needed';
  }
  const isPem = pem.includes('-----BEGIN CERTIFICATE-----') && pem.includes('-----END CERTIFICATE-----');
  return isPem ? undefined : 'Paste the whole certificate, from “-----BEGIN CERTIFICATE-----” to its END line';
}

function compact<T>(problems: Problems<T>): Problems<T> {
  const entries = Object.entries(problems).filter(([, problem]) => problem !== undefined);
  return Object.fromEntries(entries) as Problems<T>;
}
