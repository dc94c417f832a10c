export const TYPE = 'tlsrpt-reports-datasource';

/** The data source that is provisioned, with reports in it. */
export const UID = 'tlsrpt';

/** A mailbox with reports; host is empty where the runner gives none. */
export const mailbox = {
  host: process.env.TLSRPT_E2E_IMAP_HOST ?? '',
  port: process.env.TLSRPT_E2E_IMAP_PORT ?? '993',
  user: process.env.TLSRPT_E2E_IMAP_USER ?? '',
  password: process.env.TLSRPT_E2E_IMAP_PASSWORD ?? '',
  /** The certificate authority, PEM; empty where the system knows it. */
  ca: process.env.TLSRPT_E2E_IMAP_CA ?? '',
};
