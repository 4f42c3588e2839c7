import { request } from 'node:http';
import { DRAIN_PATH, STATUS_PATH } from './control-server.ts';
import { type RelayStatus, relayStatus } from './status.ts';

/** A relay that is asked answers at once, unless its loop is stuck. */
const ANSWER_MS = 5_000;

/** A relay's own view of itself, asked over its socket file. Rejects as `node:http` does when nobody listens there. */
export async function askStatus(path: string): Promise<RelayStatus> {
  return relayStatus.parse(JSON.parse(await call(path, 'GET', STATUS_PATH)));
}

/** Asks it to drain; answers with its status then. */
export async function askDrain(path: string): Promise<RelayStatus> {
  return relayStatus.parse(JSON.parse(await call(path, 'POST', DRAIN_PATH)));
}

function call(socketPath: string, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method, path, timeout: ANSWER_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if ((response.statusCode ?? 0) < 300) resolve(body);
        else reject(new Error(`the relay answered ${response.statusCode}: ${body}`));
      });
    });
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)));
    asking.on('error', reject);
    asking.end();
  });
}
