import type { Target } from './campaign.ts';

/** For machines. Fields may be added, none renamed. */
export function rotationDocument(request: string, targets: readonly Target[]) {
  return {
    version: 1,
    request,
    executors: targets.map(({ namespace, name, standing, lost }) => ({
      namespace,
      name,
      state: lost ?? standing.type,
      ...('key' in standing &&
        standing.key !== undefined && { key: standing.key.id, fingerprint: standing.key.fingerprint }),
      ...('before' in standing &&
        standing.before !== undefined && {
          before: standing.before.id,
          acceptedUntil: standing.before.retirementTime,
        }),
      ...('reason' in standing && standing.reason !== undefined && { reason: standing.reason }),
      ...('message' in standing && standing.message !== undefined && { message: standing.message }),
    })),
  };
}
