import {
  type Authentication,
  type Grant,
  type HttpsAfterProcessing,
  type HttpsAuth,
  type ImapAfterProcessing,
  type ImapAuth,
  type Listing,
  type Security,
  type SourceTrust,
} from '../../types';
import { type Words } from '../options';

export const SECURITIES: Words<Security> = {
  tls: { label: 'TLS', description: 'Encrypted from the start, port 993 as a rule' },
  starttls: { label: 'STARTTLS', description: 'Encryption is agreed on first, port 143 as a rule' },
  none: { label: 'None', description: 'No encryption; only for a server on this machine' },
};

export const IMAP_AUTHS: Words<ImapAuth> = {
  password: { label: 'Password', description: 'A user name and a password' },
  xoauth2: { label: 'OAuth (XOAUTH2)', description: 'A short-lived token, as Exchange Online and Gmail want it' },
  oauthbearer: { label: 'OAuth (OAUTHBEARER)', description: 'The same by the newer standard, RFC 7628' },
};

export const GRANTS: Words<Grant> = {
  clientCredentials: {
    label: 'Client credentials',
    description: 'The plugin signs in as an application: Exchange Online',
  },
  refreshToken: { label: 'Refresh token', description: 'A person allowed the access once: Gmail and others' },
};

export const IMAP_AFTER: Words<ImapAfterProcessing> = {
  keep: { label: 'Keep', description: 'Nothing on the server changes, not even “unread”' },
  seen: {
    label: 'Mark as read',
    description: 'Mails read from now on, once their reports are stored, are marked as read',
  },
  move: { label: 'Move', description: 'Mails read from now on, once their reports are stored, go to another folder' },
  delete: {
    label: 'Delete',
    description: 'Mails read from now on are deleted once their reports are stored. Other mail is never touched',
  },
};

export const HTTPS_AUTHS: Words<HttpsAuth> = {
  none: { label: 'None', description: 'The drop can be read by anyone who reaches it' },
  basic: { label: 'User and password', description: 'HTTP basic authentication' },
  bearer: { label: 'Bearer token', description: 'A fixed token in the Authorization header' },
};

export const LISTINGS: Words<Listing> = {
  auto: { label: 'Tell by content', description: 'Finds out which of the others it is' },
  'nginx-json': { label: 'nginx JSON', description: 'nginx with “autoindex_format json”' },
  html: { label: 'HTML index', description: 'A page of links, as web servers make it' },
  manifest: { label: 'Manifest', description: 'A file of names: a JSON array, or one name a line' },
};

export const HTTPS_AFTER: Words<HttpsAfterProcessing> = {
  keep: { label: 'Keep', description: 'Nothing on the server changes' },
  delete: {
    label: 'Delete',
    description: 'Files read from now on are deleted, with a DELETE request, once their reports are stored',
  },
};

export const SOURCE_TRUSTS: Words<SourceTrust> = {
  verify: { label: 'Verify each report', description: 'Reports are authenticated as set under “Authentication” below' },
  assume: {
    label: 'Trust this source',
    description: 'Everything here counts as authenticated: only for a drop that a receiver of your own fills',
  },
};

export const AUTHENTICATIONS: Words<Authentication> = {
  dkim: {
    label: 'Verify DKIM signatures',
    description: 'Checks the signature of each mail when it is read. This looks up keys in DNS',
  },
  headers: {
    label: 'Believe my mail server',
    description: 'Reads the Authentication-Results header that your own server wrote',
  },
  off: { label: 'Off', description: 'No report counts as authenticated, but for those of trusted sources' },
};
