import { Harness, type SessionEvent } from '../../harness/index.ts';
import type { Connection } from '../connection/connection.ts';
import { explain } from './refusal.ts';

export interface OpenHarnessOptions {
  /** One line for each connection, loss and retry. */
  tell?: (line: string) => void;
  signal?: AbortSignal;
}

/** Our own client on a connection. @throws CliError in words for people */
export async function openHarness(connection: Connection, { tell, signal }: OpenHarnessOptions = {}): Promise<Harness> {
  const { environmentId, registryUrl, credential, trust, remoteKeys } = connection;
  try {
    return await Harness.connect({
      environmentId,
      registryUrl,
      credential,
      remoteKeys,
      ...(trust && { trust }),
      ...(signal && { signal }),
      ...(tell && { onEvent: (event) => tellOf(event, connection, tell) }),
    });
  } catch (error) {
    throw explain(error, connection);
  }
}

function tellOf(event: SessionEvent, connection: Connection, tell: (line: string) => void): void {
  switch (event.type) {
    case 'attached': {
      const verb = event.resumed ? 'resumed the session with' : 'connected to';
      const { label, identity } = connection;
      const whom = identity === undefined ? '' : ` as ${identity}`;
      tell(`${verb} ${label} (${keyOf(event.fingerprint, connection)}) through ${event.relayHost}${whom}`);
      return;
    }
    case 'disconnected':
      tell(`lost the connection: ${event.error.message} (${event.error.code})`);
      return;
    case 'retrying':
      tell(`${event.error.message} (${event.error.code}); next attempt in ${(event.pauseMs / 1000).toFixed(1)} s`);
      return;
    case 'gave_up':
      // Whoever waited for it gets the error.
      return;
  }
}

/** Its id where that is known, and whether it was checked. */
function keyOf(fingerprint: string, { keyId, remoteKeys }: Connection): string {
  const pinned = typeof remoteKeys === 'function' || remoteKeys.length > 0;
  return `${keyId?.(fingerprint) ?? fingerprint}${pinned ? ', pinned' : ''}`;
}
