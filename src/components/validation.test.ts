import { type ImapSource } from '../types';
import { httpsProblems, imapProblems, isAge, isDomainPattern, isDuration, tokenUrlProblem } from './validation';

const MAILBOX: ImapSource = {
  id: 'mb1',
  type: 'imap',
  host: 'imap.example.com',
  port: 993,
  security: 'tls',
  username: 'reader',
  folders: ['INBOX'],
};

describe('imapProblems', () => {
  it('finds none in a complete mailbox', () => {
    expect(imapProblems(MAILBOX)).toEqual({});
  });

  const cases: Array<[string, Partial<ImapSource>, keyof ImapSource]> = [
    ['a missing host', { host: '' }, 'host'],
    ['a host with a scheme', { host: 'imaps://imap.example.com' }, 'host'],
    ['a host with a port', { host: 'imap.example.com:993' }, 'host'],
    ['a port of 0', { port: 0 }, 'port'],
    ['a port above 65535', { port: 65536 }, 'port'],
    ['no encryption to another machine', { security: 'none' }, 'security'],
    ['a missing user', { username: '' }, 'username'],
    ['no folder', { folders: [] }, 'folders'],
    ['a move to nowhere', { afterProcessing: 'move' }, 'moveTo'],
    ['an interval without a unit', { pollInterval: '5' }, 'pollInterval'],
    ['a private key', { tlsCaCert: '-----BEGIN PRIVATE KEY-----' }, 'tlsCaCert'],
    ['a cut certificate', { tlsCaCert: '-----BEGIN CERTIFICATE-----' }, 'tlsCaCert'],
  ];
  it.each(cases)('finds %s', (_, part, setting) => {
    expect(Object.keys(imapProblems({ ...MAILBOX, ...part }))).toEqual([setting]);
  });

  it.each(['localhost', '127.0.0.1', '::1'])('allows no encryption to %s', (host) => {
    expect(imapProblems({ ...MAILBOX, host, security: 'none' })).toEqual({});
  });
});

describe('httpsProblems', () => {
  const drop = { id: 'drop1', type: 'https' as const };
  it.each(['', 'drop.example.com', 'http://drop.example.com/', 'https://me:secret@drop.example.com/'])(
    'does not take the address "%s"',
    (url) => {
      expect(httpsProblems({ ...drop, url }).url).toEqual(expect.any(String));
    }
  );

  it('wants a user for basic authentication', () => {
    expect(Object.keys(httpsProblems({ ...drop, url: 'https://drop.example.com/', auth: 'basic' }))).toEqual([
      'username',
    ]);
  });
});

describe('words', () => {
  it.each(['30s', '5m', '1h', '1h30m', '1d'])('%s is a time between polls', (text) => {
    expect(isDuration(text)).toBe(true);
  });
  it.each(['', '5', 'm', '0m', '5 m', '5min', '-5m'])('"%s" is no time between polls', (text) => {
    expect(isDuration(text)).toBe(false);
  });
  it.each(['36h', '7d', '2w'])('%s is a lateness', (text) => {
    expect(isAge(text)).toBe(true);
  });
  it.each(['', '0d', '7', '30m', '1d2h'])('"%s" is no lateness', (text) => {
    expect(isAge(text)).toBe(false);
  });
  it.each(['example.com', '*.example.org', 'bücher.example', 'xn--bcher-kva.example'])('%s is a domain', (text) => {
    expect(isDomainPattern(text)).toBe(true);
  });
  it.each(['example', '*', 'https://example.com', 'a@example.com', 'exa mple.com', '*.*.org'])(
    '"%s" is no domain',
    (text) => {
      expect(isDomainPattern(text)).toBe(false);
    }
  );
  it('a token address still holds the place for the tenant', () => {
    expect(tokenUrlProblem('https://login.microsoftonline.com/YOUR-TENANT-ID/oauth2/v2.0/token')).toMatch(/tenant/);
    expect(tokenUrlProblem('https://oauth2.googleapis.com/token')).toBeUndefined();
  });
});
