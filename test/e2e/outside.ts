import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';

/** What a command takes on a machine that is busy. */
const COMMAND_SECONDS = 120;

const MAIN = join(import.meta.dirname, '../../src/cli/main.mjs');

/** Host names under which the tests' Relays are reached from outside. */
export const OUTSIDE_NAMES = {
  registryHostname: 'registry.agents.example.com',
  relayHostname: 'relay.agents.example.com',
} as const;

/** What came of a command. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const service = z.looseObject({ spec: z.looseObject({ clusterIP: z.string() }) });

/**
 * A developer's machine: this host, outside of the pod network and of the cluster's DNS. What a platform team does with a load balancer and a
 * DNS zone, a Service with port 443 for each part and a file of hosts do here.
 */
export class Outside {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** For the Relay `main` of that kubectl's namespace. */
  static async of(kubectl: Kubectl): Promise<Outside> {
    const folder = await mkdtemp(join(tmpdir(), 'noisefleet-outside-'));
    const lines: string[] = ['127.0.0.1 localhost'];
    for (const [part, name] of [
      ['registry', OUTSIDE_NAMES.registryHostname],
      ['relay', OUTSIDE_NAMES.relayHostname],
    ] as const) {
      await kubectl.apply(front(part));
      lines.push(`${service.parse(await kubectl.get('service', `outside-${part}`)).spec.clusterIP} ${name}`);
    }
    await writeFile(join(folder, 'hosts'), `${lines.join('\n')}\n`);
    return new Outside(folder);
  }

  /** A file of this machine. @returns its path */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.#folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  /** `noisefleet ARGS`, in a mount namespace of its own for the file of hosts. */
  run(args: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const hosts = join(this.#folder, 'hosts');
    const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
    const inside = ['sh', '-c', script, 'sh', hosts, process.execPath, MAIN, ...args];
    const env = { PATH: process.env.PATH, HOME: this.#folder, ...variables };
    return new Promise((resolve) => {
      const options = { env, timeout: COMMAND_SECONDS * 1000 };
      const child = execFile('unshare', ['--mount', ...inside], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? -1);
        resolve({ code, stdout, stderr });
      });
      child.stdin?.end();
    });
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}

function front(part: 'registry' | 'relay') {
  const selector = { 'app.kubernetes.io/component': part, 'noisefleet.dev/relay': 'main' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `outside-${part}` },
    spec: { selector, ports: [{ port: 443, targetPort: 'https' }] },
  };
}
