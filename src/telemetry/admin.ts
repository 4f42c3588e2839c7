import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.ts';

/** Undefined when well, else what is missing, in words for the operator who reads the probe's answer. */
export type HealthCheck = () => string | undefined;

export interface AdminServerOptions {
  host: string;
  port: number;
  /** Fails only for a stuck process, never because something else is away. */
  live?: HealthCheck;
  /** Says whether to send traffic. */
  ready: HealthCheck;
  metrics: Metrics;
}

export interface AdminServer {
  readonly url: string;
  close(): Promise<void>;
}

/** `/livez`, `/readyz` and `/metrics` on a listener of their own, apart from what clients reach. */
export async function startAdminServer({ host, port, live, ready, metrics }: AdminServerOptions): Promise<AdminServer> {
  const probe = (check: HealthCheck | undefined) => {
    const problem = check?.();
    return { status: problem === undefined ? 200 : 503, type: 'text/plain', body: `${problem ?? 'ok'}\n` };
  };
  const answer = async (path: string) => {
    if (path === '/livez') return probe(live);
    if (path === '/readyz') return probe(ready);
    if (path === '/metrics') return { status: 200, type: 'text/plain; version=0.0.4', body: await metrics.text() };
    return { status: 404, type: 'text/plain', body: 'see /livez, /readyz and /metrics\n' };
  };
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://admin').pathname).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
