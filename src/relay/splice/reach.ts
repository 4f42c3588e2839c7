import { X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../telemetry/index.ts';
import { type ServingCertificate, type Trust, trustOptions } from '../../wire/index.ts';

/** How other relays of this trust domain prove themselves. */
export interface PeerTls {
  readonly trust: Trust | undefined;
  /**
   * The certificate that this relay serves, read at each dial. All replicas serve the same one: a name in it is the name that the other
   * proves; an address is in none.
   */
  readonly certificate: { readonly current: ServingCertificate };
}

export interface ReachOptions {
  readonly address: string;
  /** Undefined where relays speak plainly, on one machine. */
  readonly tls: PeerTls | undefined;
  readonly withinMs: number;
  readonly clock: Clock;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * A connection to another relay, up and, with TLS, proved.
 *
 * @throws Error when it is not there in time, refuses, or cannot prove itself; or the signal gave up
 */
export function reach({ address, tls, withinMs, clock, signal }: ReachOptions): Promise<Socket> {
  const { host, port } = parseAddress(address);
  const socket =
    tls === undefined
      ? connect({ host, port })
      : connectTls({ host, port, servername: nameIn(tls.certificate.current), ...trustOptions(tls.trust) });
  return new Promise((resolve, reject) => {
    const giveUp = (why: string) => socket.destroy(new Error(why));
    const timer = clock.after(withinMs, () => giveUp(`no connection within ${withinMs} ms`));
    const gone = () => giveUp('the harness left');
    signal.addEventListener('abort', gone);
    const settle = () => {
      timer.cancel();
      signal.removeEventListener('abort', gone);
    };
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      settle();
      resolve(socket.setNoDelay(true).setKeepAlive(true));
    });
    // Stays: an error after the connection stands ends the splice by 'close'.
    socket.on('error', (error) => {
      settle();
      reject(error);
    });
    if (signal.aborted) gone();
  });
}

/** `host:port` as a registry observed it; an IPv6 host is in brackets. */
function parseAddress(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`tcp://${address}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** A host name that the certificate is good for: its first, and any below it for a wildcard. */
function nameIn({ cert }: ServingCertificate): string | undefined {
  const [, name] = /(?:^|, )DNS:([^,]+)/.exec(new X509Certificate(cert).subjectAltName ?? '') ?? [];
  return name?.replace(/^\*\./, 'relay.');
}
