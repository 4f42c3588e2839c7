/**
 * Runs in a container (`in-container.ts`): makes HTTP calls without trusting anybody, as an attacker would, and prints status and code of each
 * answer. First argument: `{calls}` in JSON.
 */
import { request as plain } from 'node:http';
import { request as encrypted } from 'node:https';
import { text } from 'node:stream/consumers';

/** A registration may be waited for by the registry for 6.5 s. Milliseconds. */
const PATIENCE_MS = 20_000;
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

interface Call {
  readonly name: string;
  readonly url: string;
  readonly method?: string;
  readonly bearer?: string;
  /** As a WebSocket. */
  readonly upgrade?: boolean;
  readonly body?: object;
  /** The whole text of the answer too. */
  readonly whole?: boolean;
}

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly text?: string;
}

function codeIn(body: string): string | undefined {
  try {
    const { error }: { error?: { code?: string } } = JSON.parse(body);
    return error?.code;
  } catch {
    return undefined;
  }
}

function call({ url, method = 'GET', bearer, upgrade = false, body, whole = false }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(upgrade && UPGRADE),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const request = url.startsWith('https:') ? encrypted : plain;
    const sent = request(url, { method, headers, rejectUnauthorized: false, timeout: PATIENCE_MS }, (response) => {
      const status = response.statusCode ?? 0;
      // A good answer may go on for as long as the caller listens.
      if (status < 400 && !whole) {
        resolve({ status });
        response.destroy();
        return;
      }
      text(response).then((said) => {
        const code = codeIn(said);
        resolve({ status, ...(code !== undefined && { code }), ...(whole && { text: said }) });
      }, reject);
    });
    sent.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 101 });
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const { calls }: { calls: readonly Call[] } = JSON.parse(process.argv[1] ?? '');
const answers = await Promise.all(calls.map(async (each) => [each.name, await call(each)]));
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));
process.exit();
