import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { SlowLine } from '../../faults/slow-line.ts';
import { Bao } from '../../vault/bao.ts';
import { cluster, clusterCommand } from '../cluster-fixture.ts';
import { Kubectl } from '../kubectl.ts';
import { RELEASE } from '../product.ts';
import { guideValues, runGuide } from './guide.ts';

/** The machine's own address on the bridge of our cluster's nodes: what Pods reach outside of the cluster. */
const HOST = '172.30.77.254';
const PORT = 8200;
/** Building it where that was not done, and what the guide says. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;

/** The chart's values for it. */
export const VAULT_VALUES = guideValues(`https://${HOST}:${PORT}`);

/** A real OpenBao beside the cluster, over TLS and with its storage on disk, and the line that leads to it. */
export class OpenBao {
  readonly bao: Bao;
  readonly line: SlowLine;

  constructor(bao: Bao, line: SlowLine) {
    this.bao = bao;
    this.line = line;
  }

  async close(): Promise<void> {
    await this.line.close();
    await this.bao.close();
  }

  /** Tokens that live for so long, and no token that was given out before is good for anything. Seconds. */
  async endTokens(life: number): Promise<void> {
    const role = z
      .object({ data: z.record(z.string(), z.unknown()) })
      .parse(await this.bao.must('GET', 'auth/kubernetes/role/noisefleet'));
    const changed = { ...role.data, token_ttl: life, token_max_ttl: 2 * life };
    await this.bao.must('POST', 'auth/kubernetes/role/noisefleet', changed);
    await this.bao.must('POST', 'sys/leases/revoke-prefix/auth/kubernetes/login');
  }
}

/**
 * OpenBao for the suite around it, set up with the very commands of docs/guides/vault.md: Kubernetes auth asks this cluster's API server, and the
 * policy is the guide's. To be called before what installs the product with `VAULT_VALUES`.
 */
export function useOpenBao(): () => OpenBao {
  let made: OpenBao | undefined;
  beforeAll(async () => {
    await clusterCommand('build', 'openbao');
    const bao = await Bao.startBare([HOST]);
    const line = await SlowLine.lay({ address: HOST, port: PORT, target: Number(new URL(bao.address).port) });
    made = new OpenBao(bao, line);
    await runGuide('Vault', bao.environment);
    await bao.hasEngine();
    await runGuide('the authority', bao.environment);
  }, SET_UP_LIMIT_MS);
  afterAll(async () => {
    const kubectl = new Kubectl(cluster(), RELEASE);
    for (const object of ['namespace/vault', 'clusterrolebinding/vault-reviewer', `namespace/${RELEASE}`])
      await kubectl.run(['delete', object, '--ignore-not-found', '--wait=false']);
    await made?.close();
  });
  return () => {
    if (made === undefined) throw new Error('OpenBao is there after beforeAll');
    return made;
  };
}
