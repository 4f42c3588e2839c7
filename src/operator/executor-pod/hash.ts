import { createHash } from 'node:crypto';
import type { V1Pod } from '@kubernetes/client-node';
import { ANNOTATIONS } from '../../api/index.ts';
import type { Child } from '../children/child.ts';

/**
 * The pod with the hash of what it is made from as an annotation, so that a later look tells whether it is older than the spec. Its name is
 * not part of it: that is the attempt.
 */
export function withHash(pod: Child<V1Pod>): { readonly pod: Child<V1Pod>; readonly hash: string } {
  const { labels, annotations = {} } = pod.metadata;
  const hash = createHash('sha256')
    .update(JSON.stringify({ labels, annotations, spec: pod.spec }))
    .digest('hex')
    .slice(0, 16);
  const metadata = { ...pod.metadata, annotations: { ...annotations, [ANNOTATIONS.podHash]: hash } };
  return { pod: { ...pod, metadata }, hash };
}
