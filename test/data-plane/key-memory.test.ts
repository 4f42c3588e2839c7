import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/wire/index.ts';
import { KeyBytes } from '../e2e/key-bytes/key-bytes.ts';
import { memoryOf } from '../e2e/key-bytes/machine-places.ts';
import { eventually, Plane, run } from './plane.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.mjs');

/** All that a process has mapped is read twice. Milliseconds. */
const LIMIT_MS = 120_000;

let plane: Plane;
let sidecar: Sidecar | undefined;
afterEach(async () => {
  await sidecar?.end();
  await plane.close();
});

/** A sidecar in a process of its own, whose memory can be looked at. */
class Sidecar {
  readonly name = randomUUID();
  readonly #process: ChildProcess;
  #log = '';

  constructor() {
    const flags = {
      ...{ 'token-file': plane.tokenFile, 'keys-dir': plane.path('keys'), 'state-dir': plane.path('state') },
      ...{ 'environment-id': plane.environmentId, 'registry-url': plane.registryUrl },
      ...{ 'exec-server-url': plane.execServer?.url ?? '', 'admin-listen': '127.0.0.1:0' },
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const { PATH } = process.env;
    const env = { PATH, HOSTNAME: this.name };
    this.#process = spawn(process.execPath, [MAIN, 'executor', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr?.on('data', (text) => {
      this.#log += text;
    });
  }

  async logs(...texts: string[]): Promise<void> {
    await eventually(() => this.#log.split('\n').some((line) => texts.every((text) => line.includes(text))));
  }

  end(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGKILL');
    return ended;
  }
}

describe('the memory of a sidecar', () => {
  it.runIf(process.platform === 'linux')(
    'has a key no more after its file went, though a stream under it goes on',
    async () => {
      plane = await Plane.start();
      await plane.executor?.close();
      const k1 = fingerprintOf(plane.key('k1').publicKey);
      const keyBytes = new KeyBytes();
      keyBytes.add('k1', readFileSync(plane.path('keys', 'k1.json'), 'utf8'));
      sidecar = new Sidecar();
      const { name } = sidecar;
      const found = () => [...memoryOf(name)].flatMap((place) => keyBytes.in(place));
      const harness = await eventually(() => plane.harness().catch(() => undefined));
      plane.addKey('k2');
      await sidecar.logs('registered', 'k2');
      expect(found()).toContain(`x25519PrivateKey of k1, bytes: memory of ${name}`);
      expect((await run(harness, ['/bin/echo', 'before'])).stdout).toBe('before\n');

      plane.removeKey('k1');
      await sidecar.logs('key out of memory', k1);
      expect((await run(harness, ['/bin/echo', 'after'])).stdout).toBe('after\n');
      expect(harness.diagnostics.fingerprint).toBe(k1);
      expect(found()).toEqual([]);
      await harness.close();
    },
    LIMIT_MS,
  );
});
