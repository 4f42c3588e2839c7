import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../../../bench/product/bundle.ts';
import type { DirectoryFile } from '../../../src/registry/index.ts';
import { createTicketKeysFile } from '../../../src/wire/index.ts';

/** Longer than any storm. */
const FOREVER = '2099-01-01T00:00:00Z';

export type ListedEnvironment = DirectoryFile['environments'][number];

export const newSecret = () => randomBytes(24).toString('base64url');
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** What registries and relays read: keys, secrets, and who is there. All of it private. */
export class RoutingFiles {
  readonly folder = mkdtempSync(join(tmpdir(), 'noisefleet-routing-'));
  readonly clientTokens: readonly string[];
  /** What is started so often that it may not need long: the bundle. */
  readonly program = buildBundle();

  static async make(identities: number): Promise<RoutingFiles> {
    const files = new RoutingFiles(identities);
    // Apart: registries look at the folder of the directory whenever something in it changes.
    mkdirSync(files.path('logs'));
    await createTicketKeysFile(files.path('ticket-keys.json'));
    files.write('presence-secret', newSecret());
    files.write('client-token', files.clientTokens[0] ?? '');
    return files;
  }

  private constructor(identities: number) {
    this.clientTokens = Array.from({ length: identities }, newSecret);
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Everybody may connect to everything, unless nobody may. */
  list(environments: readonly ListedEnvironment[], isGranted = true): void {
    const identities = this.clientTokens.map((token, number) => ({
      name: `harness:${number}`,
      tokens: [{ sha256: sha256(token), expirationTime: FOREVER }],
    }));
    const grant = {
      name: 'default/all',
      identities: identities.map(({ name }) => name),
      environments: isGranted ? environments.map(({ id }) => id) : [],
    };
    const file: DirectoryFile = { version: 1, environments: [...environments], identities, grants: [grant] };
    this.write('directory.json.new', JSON.stringify(file));
    renameSync(this.path('directory.json.new'), this.path('directory.json'));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** A secret. */
  write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }
}
