import { type HttpsSource, type ImapSource, type ReportSource, type SecretName } from '../../types';

const PREFIXES = { imap: 'mb', https: 'drop' } as const;
const SECRET_NAMES: SecretName[] = ['password', 'token', 'clientSecret', 'refreshToken'];

export function secretKey(id: string, name: SecretName): string {
  return `source.${id}.${name}`;
}

export function secretKeys(id: string): string[] {
  return SECRET_NAMES.map((name) => secretKey(id, name));
}

/**
 * Gives out ids of new sources. An id names a source's mails in the store and
 * its secrets for ever, so one that was given out or seen is not given again,
 * also when its source was removed.
 */
export class SourceIds {
  private readonly taken = new Set<string>();

  note(ids: Iterable<string>): void {
    for (const id of ids) {
      this.taken.add(id);
    }
  }

  /** Notes the sources that secrets are kept for. */
  noteSecrets(keys: Iterable<string>): void {
    for (const key of keys) {
      const id = /^source\.(.+)\.[^.]+$/.exec(key)?.[1];
      if (id) {
        this.taken.add(id);
      }
    }
  }

  next(type: ReportSource['type']): string {
    const prefix = PREFIXES[type];
    const numbers = [...this.taken]
      .filter((id) => id.startsWith(prefix))
      .map((id) => Number(id.slice(prefix.length)))
      .filter(Number.isInteger);
    const id = `${prefix}${Math.max(0, ...numbers) + 1}`;
    this.taken.add(id);
    return id;
  }
}

export function newSource(type: ReportSource['type'], id: string): ReportSource {
  return type === 'imap' ? newImapSource(id) : newHttpsSource(id);
}

function newImapSource(id: string): ImapSource {
  return {
    id,
    type: 'imap',
    name: 'Report mailbox',
    host: '',
    port: 993,
    security: 'tls',
    username: '',
    auth: 'password',
    folders: ['INBOX'],
    afterProcessing: 'keep',
    moveTo: '',
    pollInterval: '5m',
    tlsServerName: '',
    tlsCaCert: '',
    trust: 'verify',
  };
}

function newHttpsSource(id: string): HttpsSource {
  return {
    id,
    type: 'https',
    name: 'Report drop',
    url: '',
    listing: 'auto',
    auth: 'none',
    username: '',
    afterProcessing: 'keep',
    pollInterval: '5m',
    tlsCaCert: '',
    trust: 'verify',
  };
}

/** Returns the list with one element moved by a step, up (-1) or down (1). */
export function moved<T>(list: T[], index: number, step: -1 | 1): T[] {
  const target = index + step;
  if (target < 0 || target >= list.length) {
    return list;
  }
  const next = [...list];
  [next[index], next[target]] = [next[target], next[index]];
  return next;
}

export interface Provider {
  name: string;
  settings: Partial<ImapSource>;
  /** What to do at the provider, in steps. */
  steps: string[];
}

const IMAPS = { port: 993, security: 'tls' } as const;

export const PROVIDERS: Provider[] = [
  {
    name: 'Exchange Online',
    settings: {
      ...IMAPS,
      host: 'outlook.office365.com',
      auth: 'xoauth2',
      oauth: {
        grant: 'clientCredentials',
        tokenUrl: 'https://login.microsoftonline.com/YOUR-TENANT-ID/oauth2/v2.0/token',
        clientId: '',
        scopes: ['https://outlook.office365.com/.default'],
      },
    },
    steps: [
      'Exchange Online takes no passwords: register an application in Microsoft Entra and give it a client secret.',
      'Give it the application permission “IMAP.AccessAsApp” (Office 365 Exchange Online) with admin consent.',
      'In Exchange PowerShell, add it with New-ServicePrincipal and open the mailbox to it with Add-MailboxPermission.',
    ],
  },
  {
    name: 'Gmail with an app password',
    settings: { ...IMAPS, host: 'imap.gmail.com', auth: 'password', oauth: undefined },
    steps: [
      'Turn on 2-step verification for the account, then make an app password and enter it as the password.',
      'The user name is the whole mail address.',
    ],
  },
  {
    name: 'Gmail with OAuth',
    settings: {
      ...IMAPS,
      host: 'imap.gmail.com',
      auth: 'xoauth2',
      oauth: {
        grant: 'refreshToken',
        tokenUrl: 'https://oauth2.googleapis.com/token',
        clientId: '',
        scopes: ['https://mail.google.com/'],
      },
    },
    steps: [
      'Make an OAuth client in the Google Cloud console and get a refresh token for the account with the scope below.',
      'Publish the consent screen: while it is in testing, Google ends refresh tokens after seven days.',
    ],
  },
];

/** Finds the provider whose steps fit the source as it stands. */
export function providerOf({ host, auth = 'password' }: ImapSource): Provider | undefined {
  const usesPassword = auth === 'password';
  return PROVIDERS.find(
    ({ settings }) =>
      settings.host === host && (host === 'outlook.office365.com' || (settings.auth === 'password') === usesPassword)
  );
}
