import { ANNOTATIONS, REASONS, ROTATION_DUE, ROTATION_FAILED, type StoredExecutor } from '../../api/index.ts';

type Key = StoredExecutor['status']['keys'][number];

/** How far one executor is with one request for a rotation. */
export type Standing =
  /** Nobody has asked, or something else has been asked for since. */
  | { readonly type: 'open' }
  /** Asked for, and no key is made for it yet. `reason`: of the condition that says why. */
  | { readonly type: 'waiting'; readonly reason: string | undefined; readonly message: string | undefined }
  | { readonly type: 'making'; readonly key: Key; readonly message: string | undefined }
  | { readonly type: 'done'; readonly key: Key | undefined; readonly before: Key | undefined };

/** Pure. `value`: as `requestValue` makes it. */
export function standingOf({ metadata, status }: StoredExecutor, value: string): Standing {
  const at = status.handledRotationRequests.indexOf(value);
  if (at === -1) {
    if (metadata.annotations[ANNOTATIONS.rotateRequestedAt] !== value) return { type: 'open' };
    return { type: 'waiting', ...whyOf(status) };
  }
  const key = status.keys.at(-1);
  // A rotation begins only when none is under way: behind a later one stands one that has ended.
  const isOver = at > 0 || key === undefined || (key.state !== 'Pending' && key.state !== 'Prepared');
  if (!isOver) return { type: 'making', key, message: whyOf(status).message };
  const before = status.keys.findLast(({ state }) => state === 'Retiring');
  return { type: 'done', key: status.keys.findLast(({ state }) => state === 'Active'), before };
}

/** The first of these that is true says why nothing goes on. */
const WHY = [ROTATION_FAILED, REASONS.OverlapFull, ROTATION_DUE];

function whyOf({ conditions }: StoredExecutor['status']): {
  reason: string | undefined;
  message: string | undefined;
} {
  for (const type of WHY) {
    const found = conditions.find((each) => each.type === type && each.status === 'True');
    if (found !== undefined) return { reason: found.reason, message: found.message };
  }
  return { reason: undefined, message: undefined };
}

/** Whether it waits for the overlap of earlier rotations, which may take days, and not for us. */
export function waitsForOverlap(standing: Standing): boolean {
  return standing.type === 'waiting' && standing.reason === REASONS.OverlapFull;
}
