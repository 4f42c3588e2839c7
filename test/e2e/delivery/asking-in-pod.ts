/**
 * Runs in a client Pod, bundled: new harnesses that ask which key they are to use, and then use it, one after the other and a few side by side.
 * A line on standard input asks what became of them. Node trusts the Relay's authority by NODE_EXTRA_CA_CERTS.
 */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { generateKeypair } from '../../../src/noise/index.ts';
import {
  connectResponse,
  decodePublicKey,
  fingerprintOf,
  parseBody,
  parseEnvironmentId,
  parseErrorBody,
} from '../../../src/wire/index.ts';
import { RawHarness } from '../../data-plane/raw-harness.ts';
import { type Answer, type Attempt, order } from './attempt.ts';

/** Between two harnesses of one asker: several together are under the limits of one identity. Milliseconds. */
const BETWEEN_MS = 200;

const { registryURL, environment, askers } = order.parse(JSON.parse(process.argv[2] ?? ''));
const place = { registryUrl: registryURL, environmentId: parseEnvironmentId(environment) };
/** Those that nobody was told of. */
let attempts: Attempt[] = [];

/** Up to the end of the handshake: a session of each would fill the exec-server. */
async function attempt(): Promise<Attempt> {
  const from = Date.now();
  const keypair = generateKeypair();
  const token = (await readFile('/token/token', 'utf8')).trim();
  const response = await RawHarness.ask({ ...place, token, keypair });
  const text = await response.text();
  if (!response.ok) {
    const code = parseErrorBody(text)?.code ?? text;
    return { outcome: 'refused', from, to: Date.now(), answer: `${response.status} ${code}` };
  }
  const { executor_public_key, executor_registration_id: registration } = parseBody(connectResponse, text, 'connect');
  const given = { from, registration, key: fingerprintOf(decodePublicKey(executor_public_key)) };
  try {
    const harness = await RawHarness.dial(keypair, text);
    await harness.shakeHands();
    harness.vanish();
    return { outcome: 'served', ...given, to: Date.now() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { outcome: 'failed', ...given, to: Date.now(), why };
  }
}

async function ask(): Promise<never> {
  for (;;) {
    const over = await attempt();
    // Not in one expression: whoever was asked meanwhile has begun a new list.
    attempts.push(over);
    await pause(BETWEEN_MS);
  }
}

function tell(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

// Whatever goes wrong but what an attempt may end with ends the program, and with it the test.
for (let n = 0; n < askers; n += 1) void ask();
tell({ type: 'asking' });
for await (const _ of createInterface({ input: process.stdin })) {
  tell({ type: 'attempts', attempts });
  attempts = [];
}
process.exit(0);
