import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiRequest, ApiResponse, Transport } from '../client/transport.ts';

interface HttpListener {
  readonly url: string;
  /** The headers of each request, in order. */
  readonly seen: readonly IncomingMessage['headers'][];
  close(): Promise<void>;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Serves a transport's answers by real HTTP on loopback; for tests of what is between a client and a server. */
export async function listenOnHttp(transport: Transport): Promise<HttpListener> {
  const seen: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    serve(transport, request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function serve(transport: Transport, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const answer = await transport.send(await requestOf(request, gone.signal));
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) response.setHeader(name, value);
  response.writeHead(answer.status);
  response.flushHeaders();
  await pipe(answer, response);
}

async function pipe({ body }: ApiResponse, response: ServerResponse): Promise<void> {
  for await (const chunk of body) response.write(chunk);
  response.end();
}

async function requestOf(request: IncomingMessage, signal: AbortSignal): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method = 'GET', url = '/' } = request;
  if (!METHODS.has(method)) throw new TypeError(`the API server has no method ${method}`);
  return {
    method: method as ApiRequest['method'],
    path: url,
    step: `${method} ${url}`,
    body: Buffer.concat(chunks).toString('utf8'),
    accept: request.headers.accept,
    signal,
    ...(request.headers['content-type'] === undefined ? {} : { contentType: request.headers['content-type'] }),
  };
}
