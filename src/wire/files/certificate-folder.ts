import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock, Logger } from '../../telemetry/index.ts';
import { Followed } from './followed.ts';

/** What a listener needs to speak TLS, as text in PEM. */
export interface ServingCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFolderOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * `tls.crt` and `tls.key` of a folder, as a mounted Secret of type `kubernetes.io/tls` has them. A renewed pair is served from the next
 * connection on; those that stand go on.
 *
 * @throws the file system's or OpenSSL's error when the first pair is missing or does not match
 */
export function followCertificates({
  folder,
  clock,
  logger,
}: CertificateFolderOptions): Promise<Followed<ServingCertificate>> {
  const paths = ['tls.crt', 'tls.key'].map((name) => join(folder, name));
  return Followed.open({
    what: 'TLS certificate',
    paths,
    clock,
    logger,
    load: async () => {
      const [cert = '', key = ''] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
      // Refuses a certificate and a key that do not belong together, as they are for a moment while both are replaced.
      createSecureContext({ cert, key });
      return { value: { cert, key }, version: createHash('sha256').update(`${cert}\0${key}`).digest('hex') };
    },
  });
}

/** Serves every later version of the pair on a listener that was made with the first. */
export function renewCertificate(server: Server, certificates: Followed<ServingCertificate>): void {
  certificates.onChange(({ cert, key }) => server.setSecureContext({ cert, key }));
}
