import type { Logger } from '../telemetry/index.ts';

/**
 * What one line of the access log may say (`design.md` §6). Names, ids and hashes only: the type has no place for a token, a ticket or a
 * URL. `audit` is the `jti` of the harness ticket, the same in every line about that connection at registry, relay and sidecar.
 */
interface AccessFields {
  readonly audit?: string;
  readonly identity?: string;
  readonly grant?: string;
  readonly environment?: string;
  readonly registration?: string;
  /** Key id (`k4`) of the executor's key. */
  readonly key?: string | undefined;
  /** Fingerprint of the executor's key, where it is the news. */
  readonly fingerprint?: string;
  /** Hash of the harness key. */
  readonly harness?: string;
  /** Boot id of the relay that holds the executor. */
  readonly relay?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly heldMs?: number;
}

/** JSON lines, one for each decision about somebody's access. */
export interface AccessLog {
  connectAllowed(fields: AccessFields): void;
  connectDenied(fields: AccessFields): void;
  handshakeValidated(fields: AccessFields): void;
  handshakeRefused(fields: AccessFields): void;
  registered(fields: AccessFields): void;
  registerRefused(fields: AccessFields): void;
  /** An `External` environment has another executor than before. */
  executorChanged(fields: AccessFields): void;
}

export function accessLog(logger: Logger): AccessLog {
  return {
    connectAllowed: (fields) => logger.info(fields, 'connect allowed'),
    connectDenied: (fields) => logger.info(fields, 'connect denied'),
    handshakeValidated: (fields) => logger.info(fields, 'handshake validated'),
    handshakeRefused: (fields) => logger.info(fields, 'handshake refused'),
    registered: (fields) => logger.info(fields, 'executor registered'),
    registerRefused: (fields) => logger.info(fields, 'register refused'),
    executorChanged: (fields) => logger.info(fields, 'external executor changed'),
  };
}
