import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectDecision } from './api/connect.ts';
import type { DeliveryRegistry } from './testing/delivery-registry.ts';
import { aStep, DeliveryWorld, KEYS, SERVED } from './testing/delivery-world.ts';

const NOT_HANDED_OUT: ReadonlySet<string> = new Set(['Revoked', 'Destroyed']);

/** Why a registry could not have known better is no mistake; all else is. */
function mistakeIn(decision: ConnectDecision, registry: DeliveryRegistry): string | undefined {
  if (decision.kind === 'hold') return undefined;
  if (decision.kind === 'refuse') {
    const isCoded = decision.code === 'environment_offline' || decision.reason === 'unknown_environment';
    return isCoded ? undefined : `refused with ${decision.status} ${decision.code}`;
  }
  const { registrationId, incarnation } = decision.route.ticket;
  if (!registry.wasTold(registrationId)) return `${decision.keyId}: no relay says that its socket lives`;
  if (incarnation !== registry.record?.fence.current) return `${decision.keyId} of ${incarnation}: not the fence`;
  const key = registry.record.keys.find(({ id }) => id === decision.keyId);
  if (key === undefined || NOT_HANDED_OUT.has(key.state)) return `${decision.keyId} is ${key?.state}`;
  return undefined;
}

/** What a new harness hears when nothing is under way: the key's id, or the code. */
function heard(registry: DeliveryRegistry): string {
  const decision = registry.connect(true);
  if (decision.kind === 'serve') return `${decision.keyId}`;
  return decision.kind === 'refuse' ? decision.code : decision.kind;
}

describe('the key that a registry hands out', () => {
  it('is on a socket that a relay says to live, of the pod that counts, and neither retired nor revoked, whatever is late or lost', () => {
    const answers = { serve: 0, hold: 0, refuse: 0 };
    const rest = { served: 0, offline: 0 };
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 20, maxLength: 120 }), (steps) => {
        const world = new DeliveryWorld();
        for (const step of [...SERVED, ...steps, { do: 'settle' } as const]) {
          world.take(step);
          for (const registry of world.registries) {
            for (const hasWaited of [false, true]) {
              const decision = registry.connect(hasWaited);
              answers[decision.kind] += 1;
              expect(mistakeIn(decision, registry)).toBeUndefined();
            }
          }
          if (step.do !== 'settle') continue;
          const { wanted } = world;
          rest[wanted === undefined ? 'offline' : 'served'] += 1;
          const right = wanted === undefined ? world.refusal : KEYS[wanted]?.id;
          expect(world.registries.map(heard)).toEqual(world.registries.map(() => right));
        }
      }),
      { numRuns: 300 },
    );
    const total = answers.serve + answers.hold + answers.refuse;
    expect(answers.serve / total).toBeGreaterThan(0.1);
    expect(answers.hold / total).toBeGreaterThan(0.1);
    expect(rest.served).toBeGreaterThan(100);
    expect(rest.offline).toBeGreaterThan(100);
  });
});
