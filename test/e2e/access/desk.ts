import { z } from 'zod';
import { clientPod, type RelayAddress } from '../client-pod.ts';
import { cluster } from '../cluster-fixture.ts';
import type { Kubectl } from '../kubectl.ts';
import { RunningCommand } from './running-command.ts';

const NAME = 'desk';
const PROGRAM = 'node /app/main.js';

/** Who sits at the desk: a ServiceAccount whose token was put there. */
export interface Identity {
  readonly namespace: string;
  readonly name: string;
}

const report = z.object({
  checks: z.array(
    z.object({
      check: z.string(),
      code: z.string(),
      message: z.string(),
      todo: z.array(z.string()),
      result: z.string(),
    }),
  ),
  exitCode: z.number(),
});

/** What `doctor -o json` said: `check:code` of each check, everything that it said in words, and its exit code. */
export interface Diagnosis {
  readonly codes: readonly string[];
  readonly words: string;
  readonly exitCode: number;
}

/** A Pod with the program in which any identity works whose token is put there: it proves nothing by itself. */
export class Desk {
  readonly #kubectl: Kubectl;
  readonly #namespace: string;
  readonly #address: RelayAddress;

  /** `kubectl`: of the namespace, in which the ServiceAccount `default` is the Pod's own. */
  constructor(kubectl: Kubectl, namespace: string, address: RelayAddress) {
    this.#kubectl = kubectl;
    this.#namespace = namespace;
    this.#address = address;
  }

  async open(): Promise<void> {
    await this.#kubectl.apply(...clientPod({ name: NAME, serviceAccount: 'default' }, this.#address));
    await this.#kubectl.wait(`pod/${NAME}`, 'condition=Ready', 60);
  }

  /** A file of the Pod. As an argument and not by standard input, of which `kubectl exec -i` may lose the end when it is closed at once. */
  async put(path: string, content: string): Promise<void> {
    await this.#kubectl.run(['exec', NAME, '--', 'sh', '-c', 'printf %s "$1" > "$0"', path, content], { seconds: 60 });
  }

  async run(script: string, seconds = 120): Promise<string> {
    return this.#kubectl.run(['exec', NAME, '--', 'sh', '-c', script], { seconds });
  }

  /** A token of a ServiceAccount for the registry, or for whom it is said; at once the one that this identity works with. */
  async signIn({ namespace, name }: Identity, audience = 'noisefleet-connect'): Promise<string> {
    const create = ['create', 'token', name, '-n', namespace, '--audience', audience, '--duration', '1h'];
    const token = (await this.#kubectl.run(create)).trim();
    await this.put(tokenFile({ namespace, name }), token);
    return token;
  }

  /** `noisefleet exec` of a command that goes on. */
  start(identity: Identity, environment: string, argv: readonly string[]): RunningCommand {
    const command = [
      'node',
      '/app/main.js',
      'exec',
      '--no-stdin',
      ...this.#flags(identity),
      environment,
      '--',
      ...argv,
    ];
    return new RunningCommand(cluster(), ['-n', this.#namespace, 'exec', NAME, '--', ...command]);
  }

  /** What `noisefleet exec` says when it is refused, and its exit code as `exit N`. */
  async refusal(identity: Identity, environment: string): Promise<string> {
    return this.run(`${PROGRAM} exec ${this.#flags(identity).join(' ')} ${environment} -- true 2>&1; echo "exit $?"`);
  }

  /** Waits until `noisefleet exec` is let in: what was changed has to reach the registry first. */
  async allowed(identity: Identity, environment: string): Promise<void> {
    const command = `${PROGRAM} exec ${this.#flags(identity).join(' ')} ${environment} -- true`;
    await this.run(`until ${command}; do sleep 1; done`);
  }

  /** `kubeconfig`: a file of the Pod, for what the caller may read of the cluster; none by itself. */
  async doctor(
    identity: Identity,
    environment: string,
    more: readonly string[] = [],
    kubeconfig = '',
  ): Promise<Diagnosis> {
    const flags = [...this.#flags(identity), ...more, '-o', 'json'].join(' ');
    const text = await this.run(`KUBECONFIG=${kubeconfig} ${PROGRAM} doctor ${flags} ${environment} || true`);
    const { checks, exitCode } = report.parse(JSON.parse(text));
    return {
      codes: checks.map(({ check, code }) => `${check}:${code}`),
      words: checks.map(({ message, todo }) => [message, ...todo].join('\n')).join('\n'),
      exitCode,
    };
  }

  #flags(identity: Identity): string[] {
    return ['--registry', this.#address.registryURL, '--token-file', tokenFile(identity), '--ca-file', '/ca/ca.pem'];
  }
}

export function tokenFile({ namespace, name }: Identity): string {
  return `/tmp/${namespace}_${name}`;
}

/** A kubeconfig for a program in a Pod. */
export function podKubeconfig(token: string, caBundle: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'here',
        cluster: {
          server: 'https://kubernetes.default.svc',
          'certificate-authority-data': Buffer.from(caBundle).toString('base64'),
        },
      },
    ],
    users: [{ name: 'me', user: { token } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
    'current-context': 'here',
  });
}
