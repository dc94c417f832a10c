import { connect, type TLSSocket } from 'node:tls';

import { mailbox } from './environment';

/** Makes a folder in the mailbox and puts mails into it, with the least of IMAP (RFC 9051) that this takes. */
export async function fillFolder(folder: string, mails: string[]): Promise<void> {
  const imap = await Imap.connect();
  try {
    await imap.command(`LOGIN "${mailbox.user}" "${mailbox.password}"`);
    await imap.command(`DELETE "${folder}"`).catch(() => 'there is none yet');
    await imap.command(`CREATE "${folder}"`);
    for (const mail of mails) {
      await imap.command(`APPEND "${folder}" {${Buffer.byteLength(mail)}}`, mail);
    }
    await imap.command('LOGOUT');
  } finally {
    imap.close();
  }
}

class Imap {
  private received = '';
  private wake: () => void = () => undefined;
  private error?: Error;
  private number = 0;

  private constructor(private readonly socket: TLSSocket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    socket.on('error', (error) => {
      this.error = error;
      this.wake();
    });
  }

  static async connect(): Promise<Imap> {
    const { host, port, ca } = mailbox;
    const imap = new Imap(connect({ host, port: Number(port), ...(ca && { ca }) }));
    await imap.until(/^\* OK .*\r\n/m);
    return imap;
  }

  /** Sends a command, and its literal once the server asks for it. */
  async command(line: string, literal?: string): Promise<void> {
    const tag = `a${++this.number}`;
    this.received = '';
    this.socket.write(`${tag} ${line}\r\n`);
    if (literal !== undefined) {
      await this.until(/^\+ .*\r\n/m);
      this.socket.write(`${literal}\r\n`);
    }
    const [reply] = await this.until(new RegExp(`^${tag} .*\\r\\n`, 'm'));
    if (!reply.startsWith(`${tag} OK`)) {
      throw new Error(`${line.split(' ')[0]}: ${reply.trim()}`);
    }
  }

  close() {
    this.socket.destroy();
  }

  private async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.received);
      if (found) {
        return found;
      }
      if (this.error) {
        throw this.error;
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
