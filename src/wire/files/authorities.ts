import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '../../telemetry/index.ts';
import { WireError } from '../errors.ts';
import { Followed } from './followed.ts';

/**
 * Whom a client of TLS trusts in place of the system's authorities. `current` (certificates, PEM) is read for each new connection, so that it
 * may change: a followed file is one, and so is `{ current: text }`. Connections that stand go on.
 */
export interface Trust {
  readonly current: string;
}

export interface AuthoritiesOptions {
  /** One or more certificates, PEM. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The certificate authorities of a file, as a mounted ConfigMap has them. A version without a readable certificate is not taken: it would end
 * every further connection.
 *
 * @throws {WireError} `malformed_value`, or the file system's error, when the first version is not usable
 */
export function followAuthorities({ file, clock, logger }: AuthoritiesOptions): Promise<Followed<string>> {
  return Followed.open({
    what: 'certificate authorities',
    paths: [file],
    clock,
    logger,
    load: async () => {
      const value = await readFile(file, 'utf8');
      checkAuthorities(value, file);
      return { value, version: createHash('sha256').update(value).digest('hex') };
    },
  });
}

/** @throws {WireError} `malformed_value` */
function checkAuthorities(text: string, file: string): void {
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new WireError('malformed_value', 'certificate authorities', `none in ${file}`);
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch (cause) {
      throw new WireError('malformed_value', 'certificate authorities', `one in ${file} is damaged`, { cause });
    }
  }
}

/** What `tls.connect`, and all that is built on it, takes of `trust`: nothing means the system's authorities. */
export function trustOptions(trust: Trust | undefined): { ca?: string } {
  return trust === undefined ? {} : { ca: trust.current };
}
