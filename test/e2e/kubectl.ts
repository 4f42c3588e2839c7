import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { ClusterAccess } from './global-setup.ts';

/** Longest call that does not say otherwise. */
const CALL_SECONDS = 30;

/** Logs of a failed test may be long. */
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** kubectl ended with an error; `stderr` is its message, which refusals of the API server are compared with. */
export class KubectlError extends Error {
  override readonly name = 'KubectlError';
  readonly code: 'kubectl_failed' | 'kubectl_timed_out';
  readonly stderr: string;

  constructor(code: KubectlError['code'], args: readonly string[], stderr: string) {
    super(`kubectl ${args.join(' ')}: ${stderr.trim() || code}`);
    this.code = code;
    this.stderr = stderr;
  }
}

export interface CallOptions {
  /** Text for stdin. */
  readonly input?: string;
  /** The call is ended, and fails, after so many seconds. */
  readonly seconds?: number;
}

/** A Kubernetes manifest: an object, or YAML as a user would write it. */
export type Manifest = Readonly<Record<string, unknown>> | string;

/** kubectl in one namespace. */
export class Kubectl {
  readonly #access: ClusterAccess;
  readonly #namespace: string;

  constructor(access: ClusterAccess, namespace: string) {
    this.#access = access;
    this.#namespace = namespace;
  }

  /**
   * @returns stdout
   * @throws {KubectlError} when it fails or takes too long
   */
  run(args: readonly string[], options: CallOptions = {}): Promise<string> {
    const { input = '', seconds = CALL_SECONDS } = options;
    const all = ['--kubeconfig', this.#access.kubeconfig, '--namespace', this.#namespace, ...args];
    return new Promise((resolve, reject) => {
      const child = execFile(
        this.#access.kubectl,
        all,
        { timeout: seconds * 1000, maxBuffer: MOST_OUTPUT_BYTES },
        (error, stdout, stderr) => {
          if (error === null) return resolve(stdout);
          reject(
            new KubectlError(error.killed ? 'kubectl_timed_out' : 'kubectl_failed', args, stderr || error.message),
          );
        },
      );
      child.stdin?.on('error', () => {}); // it ended before it read all: the callback says why
      child.stdin?.end(input);
    });
  }

  /** A command that goes on, with pipes to it; it ends when it does, or is killed. */
  start(args: readonly string[]): ChildProcess {
    const all = ['--kubeconfig', this.#access.kubeconfig, '--namespace', this.#namespace, ...args];
    return spawn(this.#access.kubectl, all, { stdio: 'pipe' });
  }

  /** Server-side apply, with strict fields: a misspelt one is an error. */
  async apply(...manifests: readonly Manifest[]): Promise<void> {
    const input = manifests.map((m) => (typeof m === 'string' ? m : JSON.stringify(m))).join('\n---\n');
    const apply = ['apply', '--server-side', '--field-manager=e2e', '--validate=strict', '-f', '-'];
    await this.run(apply, { input });
  }

  /** Waits (by a watch) for a condition, or `delete`, `jsonpath=…`: what `kubectl wait --for` takes. */
  async wait(object: string, what: string, seconds: number): Promise<void> {
    // kubectl's own limit has the better message.
    await this.run(['wait', object, `--for=${what}`, `--timeout=${seconds}s`], { seconds: seconds + CALL_SECONDS });
  }

  /** The parsed JSON of `kubectl get -o json`. */
  async get(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.run(['get', ...args, '-o', 'json']));
  }
}
