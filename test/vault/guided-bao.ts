import type { VaultSettings } from '../../src/keys/index.ts';
import { Bao } from './bao.ts';
import { GUIDE_POLICY, writePolicy } from './policy.ts';
import { ServiceAccounts } from './service-accounts.ts';

/** A real OpenBao as the guide sets it up: its policy, and ServiceAccounts that log in. */
export class GuidedBao {
  readonly bao: Bao;
  readonly accounts: ServiceAccounts;

  private constructor(bao: Bao, accounts: ServiceAccounts) {
    this.bao = bao;
    this.accounts = accounts;
  }

  /** `life`: of tokens of OpenBao, in seconds. */
  static async start(life = 600): Promise<GuidedBao> {
    const bao = await Bao.start();
    await writePolicy(bao, GUIDE_POLICY);
    return new GuidedBao(bao, await ServiceAccounts.connect(bao, life));
  }

  /** For whoever logs in to it, as the guide has them; it may have moved since the last time. */
  settings() {
    const { tokenFile } = this.accounts;
    const login = { type: 'Kubernetes', mount: 'kubernetes', role: 'noisefleet', tokenFile } as const;
    const { address, ca } = this.bao;
    return { address, ca, mount: 'kv', cluster: 'production', login } satisfies VaultSettings;
  }

  async close(): Promise<void> {
    this.accounts.close();
    await this.bao.close();
  }
}
