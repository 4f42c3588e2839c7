import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bao } from './bao.ts';

/** The policy that the guide tells people to use; the tests use that very file. */
export const GUIDE_POLICY = readFileSync(join(import.meta.dirname, '../../docs/guides/vault-policy.hcl'), 'utf8');

export interface Capability {
  readonly path: string;
  readonly capability: string;
}

/** Every capability that the policy gives. */
export function capabilitiesOf(policy: string): Capability[] {
  return [...policy.matchAll(/^path "([^"]+)" \{\s+capabilities = \[([^\]]*)\]/gm)].flatMap(
    ([, path = '', list = '']) => {
      return [...list.matchAll(/"([^"]+)"/g)].map(([, capability = '']) => ({ path, capability }));
    },
  );
}

/** The policy with one capability less. */
export function without(policy: string, { path, capability }: Capability): string {
  const start = policy.indexOf(`path "${path}"`);
  const end = policy.indexOf('}', start);
  const rule = policy
    .slice(start, end)
    .replace(new RegExp(`"${capability}",? ?`), '')
    .replace(/, \]/, ']');
  return policy.slice(0, start) + rule + policy.slice(end);
}

export async function writePolicy(bao: Bao, policy: string): Promise<void> {
  await bao.must('POST', 'sys/policies/acl/noisefleet', { policy });
}
