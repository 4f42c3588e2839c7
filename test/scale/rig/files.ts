import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyFile } from '../../../src/noise/index.ts';
import type { DirectoryFile } from '../../../src/registry/index.ts';
import {
  createTicketKeysFile,
  type EnvironmentId,
  fingerprintOf,
  parseEnvironmentId,
} from '../../../src/wire/index.ts';
import type { ReadyFile } from '../../interop/fleet.ts';
import { giveAway, makeFolder } from '../../interop/user.ts';

/** Longer than any rig runs. */
const FOREVER = '2099-01-01T00:00:00Z';

/** Of streams of one identity at one executor a relay takes 32 (our-side.md §11): enough of them that no session meets that limit. */
const SESSIONS_PER_IDENTITY = 24;

const secret = () => randomBytes(24).toString('base64url');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

type Environment = DirectoryFile['environments'][number];

/** Everything on disk that the parts of a rig read: their secrets, who is there, and who may connect. All private. */
export class RigFiles {
  /** Anybody may pass through it: a real Codex runs without privileges. */
  readonly folder = mkdtempSync(join(tmpdir(), 'noisefleet-scale-'));
  readonly #environments: Environment[] = [];
  readonly #registrationTokens = new Map<string, string>();
  readonly #clientTokens: string[] = [];

  static async make(identities: number): Promise<RigFiles> {
    const files = new RigFiles(identities);
    await createTicketKeysFile(files.path('ticket-keys.json'));
    files.#write('presence-secret', secret());
    return files;
  }

  private constructor(identities: number) {
    chmodSync(this.folder, 0o755);
    for (let number = 0; number < identities; number += 1) this.#clientTokens.push(secret());
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** The credential of the `session`th session. */
  clientToken(session: number): string {
    const identity = Math.floor(session / SESSIONS_PER_IDENTITY) % this.#clientTokens.length;
    return this.#clientTokens[identity] ?? '';
  }

  /** The key, token and folders of a pod's executor. @returns where they are */
  addExecutor(name: string): { readonly id: EnvironmentId; readonly folder: string; readonly workspace: string } {
    const id = parseEnvironmentId(`default_${name}`);
    const folder = this.path(name);
    for (const part of ['keys', 'state', 'spill']) {
      mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
    }
    const token = secret();
    this.#write(join(name, 'token'), token);
    const { publicKey } = createKeyFile(join(folder, 'keys', 'k1.json'));
    this.#environments.push({
      id,
      runtime: 'BuiltIn',
      incarnation: `pod-of-${name}`,
      executorTokenSha256: [sha256(token)],
      keys: [{ id: 'k1', fingerprint: fingerprintOf(publicKey), state: 'Active' }],
    });
    this.#writeDirectory();
    return { id, folder, workspace: makeFolder(this.path(`workspace-${name}`)) };
  }

  /** An environment that a host from outside may join with its registration token. */
  addExternal(name: string): EnvironmentId {
    const id = parseEnvironmentId(`default_${name}`);
    const token = secret();
    this.#registrationTokens.set(id, token);
    this.#environments.push({ id, runtime: 'External', executorTokenSha256: [sha256(token)], keys: [] });
    this.#writeDirectory();
    return id;
  }

  /** What `noisefleet dev` would leave for clients of the same user. */
  readyFile(registry: string): ReadyFile {
    const environments = Object.fromEntries(
      this.#environments.map(({ id }) => {
        const registrationToken = this.#registrationTokens.get(id);
        return [
          id,
          { clientToken: this.clientToken(0), ...(registrationToken !== undefined && { registrationToken }) },
        ];
      }),
    );
    return { pid: process.pid, registry, environments };
  }

  /** Writes it; here that user has no privileges. @returns its path */
  writeReadyFile(registry: string): string {
    this.#write('ready.json', JSON.stringify(this.readyFile(registry)));
    giveAway(this.path('ready.json'));
    return this.path('ready.json');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #writeDirectory(): void {
    const identities = this.#clientTokens.map((token, number) => ({
      name: `scale:${number}`,
      tokens: [{ sha256: sha256(token), expirationTime: FOREVER }],
    }));
    const grant = {
      name: 'default/scale',
      identities: identities.map(({ name }) => name),
      environments: this.#environments.map(({ id }) => id),
    };
    const file: DirectoryFile = { version: 1, environments: this.#environments, identities, grants: [grant] };
    this.#write('directory.json.new', JSON.stringify(file));
    renameSync(this.path('directory.json.new'), this.path('directory.json'));
  }

  #write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }
}
