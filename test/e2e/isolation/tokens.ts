import type { Kubectl } from '../kubectl.ts';

/** Whose token it is; bound to a pod, as the kubelet's projections are, or to nothing. */
export interface TokenHolder {
  readonly kubectl: Kubectl;
  readonly serviceAccount: string;
  readonly pod?: string;
}

/** A token as the kubelet would project it, or as a thief has copied it: asked for by the administrator, good for ten minutes. */
export async function tokenOf({ kubectl, serviceAccount, pod }: TokenHolder, audience: string): Promise<string> {
  const bound = pod === undefined ? [] : ['--bound-object-kind', 'Pod', '--bound-object-name', pod];
  const create = ['create', 'token', serviceAccount, '--audience', audience, '--duration', '600s', ...bound];
  return (await kubectl.run(create)).trim();
}

/** The name of the first pod that a selector selects. */
export async function podNameOf(kubectl: Kubectl, selector: string): Promise<string> {
  const name = ['get', 'pods', '--selector', selector, '-o', 'jsonpath={.items[0].metadata.name}'];
  return (await kubectl.run(name)).trim();
}

/** The name of the ServiceAccount that a pod runs as. */
export async function serviceAccountOf(kubectl: Kubectl, pod: string): Promise<string> {
  return (await kubectl.run(['get', 'pod', pod, '-o', 'jsonpath={.spec.serviceAccountName}'])).trim();
}
