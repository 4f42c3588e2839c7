import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenOnFile } from './socket-file.ts';
import type { RelayStatus } from './status.ts';

export const STATUS_PATH = '/v1/status';
export const DRAIN_PATH = '/v1/drain';

export interface ControlServerOptions {
  /** The socket file. */
  readonly path: string;
  readonly status: () => RelayStatus;
  /** Begins a drain; a second time changes nothing. */
  readonly drain: () => void;
}

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * The API of one relay for whoever may enter its container: `GET /v1/status`, `POST /v1/drain`, HTTP over a socket file that only its owner
 * reaches. There is no other proof.
 *
 * @throws SocketFileError
 */
export async function startControlServer({ path, status, drain }: ControlServerOptions): Promise<ControlServer> {
  const answer = ({ method, url }: IncomingMessage, response: ServerResponse) => {
    const say = (code: number, body: unknown) =>
      response.writeHead(code, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
    if (method === 'GET' && url === STATUS_PATH) return say(200, status());
    if (method === 'POST' && url === DRAIN_PATH) {
      drain();
      return say(202, status());
    }
    return say(404, { error: { code: 'not_found', message: `GET ${STATUS_PATH}, POST ${DRAIN_PATH}` } });
  };
  const server = createServer(answer);
  await listenOnFile(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
