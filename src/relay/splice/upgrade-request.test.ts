import { once } from 'node:events';
import { createServer, IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passedOn, wasPassedOn } from './upgrade-request.ts';

describe('an upgrade request that is passed on', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
  });

  /** What the other relay's HTTP parser makes of the text. */
  async function arrived(text: string): Promise<IncomingMessage> {
    // A listening TCP server's address is never a string.
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const upgrade = once(server, 'upgrade');
    socket.write(text, 'latin1');
    const [request, accepted] = await upgrade;
    accepted.destroy();
    socket.destroy();
    return request;
  }

  it('arrives as it came, with the hop', async () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).map((text) => `x-${text}`);
    // What a header may hold: no controls.
    const codes = fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }));
    const value = fc.string({ unit: codes.map((code) => String.fromCharCode(code)) });
    const target = fc.stringMatching(/^[A-Za-z0-9._~=&-]{0,200}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 10 }), target, async (headers, query) => {
        const request = new IncomingMessage(new Socket());
        request.method = 'GET';
        request.url = `/v1/harness?${query}`;
        const fixed = ['Host', 'relay', 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
        request.rawHeaders = [...fixed, ...headers.flat()];
        expect(wasPassedOn(request)).toBe(false);

        const there = await arrived(passedOn(request));

        expect(there.url).toBe(request.url);
        expect(there.rawHeaders.slice(0, -2)).toEqual(request.rawHeaders);
        expect(wasPassedOn(there)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
