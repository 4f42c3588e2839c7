import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ranges from which Linux and macOS take ports for outgoing connections: a port of ours that is free for a moment, until
 * its process listens or while it restarts, must not become somebody's client socket.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
/** With more misses the machine is full of listeners, or something else is wrong. */
const MAX_ATTEMPTS = 200;

/** Handed out by this process: whoever has one may not listen yet. */
const handedOut = new Set<number>();

export interface FreePortOptions {
  /** Loopback's unless given. */
  readonly host?: string;
  /** Not these, even if nobody listens there. */
  readonly taken?: ReadonlySet<number>;
}

/**
 * A TCP port that nobody listens on now, that no outgoing connection will take, and that this process hands out once.
 * @throws Error when none is found
 */
export async function freePort({ host = '127.0.0.1', taken }: FreePortOptions = {}): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (handedOut.has(port) || taken?.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port, host)) return port;
    handedOut.delete(port);
  }
  throw new Error(`no free port of ${host} between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT}`);
}

/** Whether somebody could listen there now. */
export async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const probe = createServer();
  try {
    const listening = once(probe, 'listening');
    probe.listen({ port, host, exclusive: true });
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}
