import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import type { Rig } from './rig.ts';

/** Where a client ends up: at the relay that its ticket names, or at another one, as a load balancer knows no better. */
export type Way = 'direct' | 'spliced';

/** In front of the registries: passes `connect` on, and puts into the answer the relay that the test wants the client to dial. */
export class Detour {
  readonly #rig: Rig;
  readonly #server: Server;
  way: Way = 'spliced';

  private constructor(rig: Rig) {
    this.#rig = rig;
    this.#server = createServer((request, response) => void this.#pass(request, response));
  }

  static async open(rig: Rig): Promise<Detour> {
    const detour = new Detour(rig);
    detour.#server.listen(0, '127.0.0.1');
    await once(detour.#server, 'listening');
    return detour;
  }

  get url(): string {
    // A listening TCP server's address is never a string.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { authorization = '' } = request.headers;
    const answer = await fetch(`${this.#rig.registryUrl}${request.url}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: Buffer.concat(chunks),
    });
    const text = await answer.text();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(answer.ok ? this.#redirected(text) : text);
  }

  #redirected(text: string): string {
    const body: { url: string } = JSON.parse(text);
    const url = new URL(body.url);
    const { address } = decodeJwt<{ address: string }>(url.searchParams.get('ticket') ?? '');
    const other = this.#rig.relays.find((relay) => relay.address !== address);
    url.host = this.way === 'direct' ? address : (other?.address ?? '');
    return JSON.stringify({ ...body, url: url.href });
  }
}
