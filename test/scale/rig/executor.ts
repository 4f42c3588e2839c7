import { join } from 'node:path';
import { freePort } from '../../../src/dev/state/free-port.ts';
import type { EnvironmentId } from '../../../src/wire/index.ts';
import { Part } from './part.ts';
import type { Surroundings } from './replicas.ts';

export interface ExecutorPlace {
  readonly id: EnvironmentId;
  /** With `token`, `keys`, `state` and `spill`. */
  readonly folder: string;
  readonly workspace: string;
  readonly registryUrl: string;
}

/** What a pod is: a sidecar, and the built-in exec-server behind it. */
export class RigExecutor {
  readonly id: EnvironmentId;
  readonly workspace: string;
  readonly #around: Surroundings;
  readonly #place: ExecutorPlace;
  #sidecar: Part | undefined;
  #execServer: Part | undefined;

  constructor(around: Surroundings, place: ExecutorPlace) {
    this.#around = around;
    this.#place = place;
    this.id = place.id;
    this.workspace = place.workspace;
  }

  get sidecar(): Part {
    if (this.#sidecar === undefined) throw new Error(`${this.id} was not started`);
    return this.#sidecar;
  }

  get execServer(): Part {
    if (this.#execServer === undefined) throw new Error(`${this.id} was not started`);
    return this.#execServer;
  }

  /** Present at a relay when it resolves. */
  async start(): Promise<void> {
    const { program, logLevel, files, name } = this.#around;
    const { folder, id, registryUrl } = this.#place;
    const listen = `ws://127.0.0.1:${await freePort()}`;
    const common = ['--log-level', logLevel, '--exit-on-stdin-close'];
    const part = async (role: string, args: (admin: string) => readonly string[]) => {
      const admin = `127.0.0.1:${await freePort()}`;
      const command = [...program, ...args(admin), '--admin-listen', admin, ...common];
      return new Part({
        name: `${name}-${role}`,
        command,
        admin,
        logFile: files.path(`${name}-${role}.log`),
        cwd: this.workspace,
      });
    };
    this.#sidecar = await part('sidecar', () => [
      ...['executor', '--environment-id', id, '--registry-url', registryUrl],
      ...['--token-file', join(folder, 'token'), '--keys-dir', join(folder, 'keys')],
      ...['--state-dir', join(folder, 'state'), '--exec-server-url', listen],
    ]);
    const digest = join(folder, 'state', 'exec-server-token.sha256');
    this.#execServer = await part('exec-server', () => [
      ...['exec-server', '--listen', listen, '--token-sha256-file', digest],
      ...['--spill-dir', join(folder, 'spill'), '--workspace', this.workspace],
    ]);
    await this.#sidecar.ready();
    // Only the sidecar has an answer to `/readyz` here that says something of the exec-server: sessions open through it.
  }

  async kill(): Promise<void> {
    await Promise.all([this.#sidecar?.kill(), this.#execServer?.kill()]);
  }
}
