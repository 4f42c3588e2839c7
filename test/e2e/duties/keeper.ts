import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cluster } from '../cluster-fixture.ts';
import { Kubectl, KubectlError } from '../kubectl.ts';
import type { Outcome } from '../outside.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.mjs');

/** What a command takes on a machine that is busy. */
const COMMAND_SECONDS = 120;

const kubeconfig = z.looseObject({ clusters: z.array(z.looseObject({})).min(1) });

/** Somebody with one of the chart's roles in a namespace, a token of his own, kubectl and the command line. */
export class Keeper {
  /** As the API server calls him. */
  readonly user: string;
  readonly kubectl: Kubectl;
  readonly #folder: string;

  private constructor(user: string, namespace: string, folder: string) {
    this.user = user;
    this.#folder = folder;
    this.kubectl = new Kubectl({ ...cluster(), kubeconfig: join(folder, 'kubeconfig') }, namespace);
  }

  /** A ServiceAccount of that name, bound to `role`. */
  static async of(admin: Kubectl, namespace: string, name: string, role: string): Promise<Keeper> {
    await admin.run(['create', 'serviceaccount', name]);
    await admin.run(['create', 'rolebinding', name, `--clusterrole=${role}`, `--serviceaccount=${namespace}:${name}`]);
    const token = (await admin.run(['create', 'token', name])).trim();
    const view = kubeconfig.parse(JSON.parse(await admin.run(['config', 'view', '--raw', '--minify', '-o', 'json'])));
    const folder = mkdtempSync(join(tmpdir(), 'noisefleet-keeper-'));
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'work', users: [{ name, user: { token } }] },
      clusters: view.clusters.map((each) => ({ ...each, name: 'c' })),
      contexts: [{ name: 'work', context: { cluster: 'c', user: name, namespace } }],
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
    return new Keeper(`system:serviceaccount:${namespace}:${name}`, namespace, folder);
  }

  /** `kubectl annotate executor NAME …` with the annotations of ours; `undefined` takes one away. */
  annotate(executor: string, annotations: Readonly<Record<string, string | undefined>>): Promise<string> {
    const words = Object.entries(annotations).map(([name, value]) =>
      value === undefined ? `noisefleet.dev/${name}-` : `noisefleet.dev/${name}=${value}`,
    );
    return this.kubectl.run(['annotate', '--overwrite', 'executor', executor, ...words]);
  }

  /** What the API server says to a call that it refuses; fails when it refuses nothing. */
  async refused(...args: readonly string[]): Promise<string> {
    try {
      await this.kubectl.run(args);
    } catch (error) {
      if (error instanceof KubectlError) return error.stderr;
      throw error;
    }
    throw new Error(`kubectl ${args.join(' ')} was not refused`);
  }

  /** `noisefleet ARGS` */
  noisefleet(...args: readonly string[]): Promise<Outcome> {
    const env = { PATH: process.env.PATH, HOME: this.#folder, KUBECONFIG: join(this.#folder, 'kubeconfig') };
    return new Promise((resolve) => {
      const options = { env, timeout: COMMAND_SECONDS * 1000 };
      const child = execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
      child.stdin?.end();
    });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
