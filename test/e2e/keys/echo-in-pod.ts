/**
 * Runs in a client Pod, bundled: many sessions of our own client, each with a `cat` on the executor that gives back what it is sent, and beside
 * them one new harness after the other, for the key that it is given. Told on standard input what to do (`echo-protocol.ts`). Node trusts the Relay's
 * authority by NODE_EXTRA_CA_CERTS.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Harness, type HarnessOptions } from '../../../src/harness/index.ts';
import { decodePublicKey, fingerprintOf, parseEnvironmentId } from '../../../src/wire/index.ts';
import { RawHarness } from '../../data-plane/raw-harness.ts';
import { type Answer, order, type SessionEnd } from './echo-protocol.ts';

/** Dials at once: the rest of a herd at its start waits. */
const OPENING_AT_ONCE = 3;
/** What a session sends, and how long it waits before it sends again: many sessions share two cores with all that is between. */
const BLOCK_BYTES = 2_048;
const BETWEEN_BLOCKS_MS = 1_000;
/** Between two harnesses that ask for the key. Milliseconds. */
const BETWEEN_QUESTIONS_MS = 200;
/** Until the last block has come back. Milliseconds. */
const END_LIMIT_MS = 30_000;

const { registryURL, environment, sessions, asks } = order.parse(JSON.parse(process.argv[2] ?? ''));
const trust = { current: await readFile('/ca/ca.pem', 'utf8') };

function connect(onEvent?: HarnessOptions['onEvent']): Promise<Harness> {
  return Harness.connect({
    environmentId: parseEnvironmentId(environment),
    registryUrl: registryURL,
    credential: () => readFile('/token/token', 'utf8'),
    trust,
    ...(onEvent && { onEvent }),
  });
}

/** One session: blocks that go there and come back. */
class Echo {
  readonly #sent = createHash('sha256');
  readonly #received = createHash('sha256');
  #sentBytes = 0;
  #receivedBytes = 0;
  #connections = 0;
  #cutAt: number | undefined;
  #error: string | undefined;
  #ending = false;
  #sending: Promise<void> = Promise.resolve();

  /** @returns the fingerprint of the key that it was given */
  async open(): Promise<string> {
    const harness = await connect((event) => {
      if (event.type === 'attached') this.#connections += 1;
      if (event.type === 'disconnected') this.#cutAt ??= Date.now();
    });
    const cat = await harness.exec({ argv: ['cat'], stdin: true });
    cat.stderr.resume();
    cat.stdout.on('error', (error: Error) => this.#failed(error));
    cat.stdout.on('data', (chunk: Buffer) => {
      this.#received.update(chunk);
      this.#receivedBytes += chunk.length;
    });
    this.#sending = this.#send((block) => cat.write(block)).catch((error: unknown) => this.#failed(error));
    return harness.diagnostics.fingerprint;
  }

  get cutAt(): number | undefined {
    return this.#cutAt;
  }

  async end(): Promise<SessionEnd> {
    this.#ending = true;
    await this.#sending;
    const limit = performance.now() + END_LIMIT_MS;
    while (this.#receivedBytes < this.#sentBytes && this.#error === undefined && performance.now() < limit)
      await pause(20);
    return {
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      same: this.#sent.digest('hex') === this.#received.digest('hex'),
      connections: this.#connections,
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  async #send(write: (block: Buffer) => Promise<void>): Promise<void> {
    while (!this.#ending) {
      const block = randomBytes(BLOCK_BYTES);
      await write(block);
      this.#sent.update(block);
      this.#sentBytes += block.length;
      await pause(BETWEEN_BLOCKS_MS);
    }
  }

  #failed(error: unknown): void {
    this.#error ??= String(error);
  }
}

const firstAt = new Map<string, number>();
const failed = new Map<string, number>();

/** One new harness after the other, up to the end of the handshake: a session of each would fill the exec-server. */
async function ask(): Promise<never> {
  for (;;) {
    try {
      const harness = await newHarness().catch(onceMore);
      const fingerprint = fingerprintOf(decodePublicKey(harness.bundle.executor_public_key));
      if (!firstAt.has(fingerprint)) firstAt.set(fingerprint, Date.now());
      harness.vanish();
    } catch (error) {
      const why = messageOf(error);
      failed.set(why, (failed.get(why) ?? 0) + 1);
    }
    await pause(BETWEEN_QUESTIONS_MS);
  }
}

async function newHarness(): Promise<RawHarness> {
  const token = (await readFile('/token/token', 'utf8')).trim();
  return RawHarness.open({ registryUrl: registryURL, environmentId: parseEnvironmentId(environment), token });
}

/** As a real one does that a relay answers 401: the key that it was given may have retired before it dialled (our-side.md §5). */
function onceMore(error: unknown): Promise<RawHarness> {
  if (messageOf(error).endsWith(' 401')) return newHarness();
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function tell(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const echoes = Array.from({ length: sessions }, () => new Echo());
const fingerprints: string[] = [];
for (let first = 0; first < sessions; first += OPENING_AT_ONCE) {
  const few = echoes.slice(first, first + OPENING_AT_ONCE);
  fingerprints.push(...(await Promise.all(few.map((each) => each.open()))));
}
if (asks) void ask();
tell({ type: 'streaming', fingerprints });
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'served')
    tell({ type: 'served', firstAt: Object.fromEntries(firstAt), failed: Object.fromEntries(failed) });
  if (line === 'cuts') tell({ type: 'cuts', at: echoes.flatMap(({ cutAt }) => cutAt ?? []) });
  if (line !== 'end') continue;
  tell({ type: 'end', sessions: await Promise.all(echoes.map((each) => each.end())) });
  process.exit(0);
}
// Whoever asked has gone: what streams and asks on would stand in the way of those that come next.
process.exit(0);
