import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EnvironmentId, ExecutorTicket, KeyHash } from '../../wire/index.ts';
import { type ConnectDecision, decideConnect, isServed, MAX_HOLD_MS, SAME_KEY_GRACE_MS } from '../api/connect.ts';
import type { EnvironmentRecord } from '../directory/directory.ts';
import { apply, aStep, HARNESSES, HOST, INTRODUCED, KEYS, PODS, World } from '../testing/routing-world.ts';
import { PresenceTable, type Route } from './table.ts';

interface Question {
  readonly id: EnvironmentId;
  readonly harness: KeyHash;
  readonly waitedMs: number;
}

function recordOf({ fences, keys }: World, id: EnvironmentId): EnvironmentRecord {
  const states = keys.get(id) ?? [];
  return {
    id,
    runtime: id === HOST ? 'External' : 'BuiltIn',
    fence: { current: fences.get(id), former: [] },
    keys: KEYS.flatMap((key, index) => ({ ...key, state: states[index] ?? 'Destroyed' })).slice(0, states.length),
  };
}

function decide(table: PresenceTable, world: World, { id, harness, waitedMs }: Question): ConnectDecision {
  const record = recordOf(world, id);
  return decideConnect({
    now: world.now,
    arrivedAt: world.now - waitedMs,
    closing: false,
    directory: { synced: true, complete: true },
    client: { outcome: 'proven', identity: 'sa:ci/runner' },
    record,
    grant: 'default/ci',
    presenceSettled: true,
    routes: table.routes(id),
    session: table.session(id, harness, record.fence.current, world.now, (copy) => isServed(copy, record)),
  });
}

type Live = ReturnType<World['live']>[number];

/** Where the harness may be sent: the registrations of one key, or of several when more than one would be right. None: nowhere now. */
function rightRoutes(world: World, { id, harness, waitedMs }: Question): { routes: Live[]; mayWait: boolean } {
  const live = world.live(id);
  if (id === HOST) {
    const latest = live.map(({ registration }) => registration.ticket).sort(laterFirst)[0];
    const routes = live.filter(({ registration }) => registration.ticket.registrationId === latest?.registrationId);
    return { routes, mayWait: routes.length === 0 };
  }
  const fenced = live.filter(({ registration }) => registration.ticket.incarnation === world.fences.get(id));
  const good = fenced.filter(({ registration }) => world.isServing(id, registration.key));
  const ofKeys = (keys: readonly number[]) => good.filter(({ registration }) => keys.includes(registration.key));
  const newest = ofKeys([Math.max(...good.map(({ registration }) => registration.key))]);
  const bound = world.boundTo(id, harness);
  const same = ofKeys(bound.keys);
  if (bound.isOfThisLife && bound.keys.length > 0) return { routes: same, mayWait: same.length === 0 };
  if (bound.keys.length === 0) return { routes: newest, mayWait: newest.length === 0 };
  const isEachHere = bound.keys.every((key) => ofKeys([key]).length > 0);
  if (isEachHere) return { routes: same, mayWait: false };
  const inGrace = waitedMs < SAME_KEY_GRACE_MS;
  return { routes: inGrace ? same : [...same, ...newest], mayWait: inGrace || good.length === 0 };
}

function laterFirst(a: ExecutorTicket, b: ExecutorTicket): number {
  return b.firstRegistrationTime - a.firstRegistrationTime || (a.registrationId < b.registrationId ? 1 : -1);
}

const described = (route: Omit<Route, 'load' | 'suspect'>) =>
  `${route.ticket.registrationId} on ${route.connection} at ${route.bootId} ${route.address}`;

/** Undefined when the decision is right; else what is wrong with it. */
function mistakeIn(decision: ConnectDecision, world: World, question: Question): string | undefined {
  const { routes, mayWait } = rightRoutes(world, question);
  if (decision.kind !== 'serve') {
    const wanted = question.waitedMs < MAX_HOLD_MS ? 'hold' : 'refuse';
    if (decision.kind !== wanted) return `${decision.kind} after ${question.waitedMs} ms`;
    return mayWait ? undefined : `${decision.kind}, with ${routes.length} routes`;
  }
  const right = routes.map(({ registration: { ticket }, ...at }) => ({
    ...at,
    ticket,
    forwards: true,
    suspect: false,
  }));
  const text = described(decision.route);
  const chosen = right.find((each) => described(each) === text);
  if (chosen === undefined) return `${text}: right were ${right.map(described).join(', ') || 'none'}`;
  const { registrationId } = decision.route.ticket;
  const better = right.find((each) => each.ticket.registrationId === registrationId && hasLessToDo(each, chosen));
  return better && `${text}: ${described(better)} has less to do`;
}

/** First of all it must be reached, then stay, then be idle. */
function hasLessToDo(a: Pick<Live, 'load' | 'suspectedAt'>, b: Pick<Live, 'load' | 'suspectedAt'>): boolean {
  const [aSuspect, bSuspect] = [a, b].map(({ suspectedAt }) => suspectedAt !== undefined);
  if (aSuspect !== bSuspect) return bSuspect === true;
  return a.load.draining === b.load.draining ? a.load.streams < b.load.streams : b.load.draining;
}

const QUESTIONS: readonly Question[] = [...PODS, HOST].flatMap((id) =>
  HARNESSES.flatMap((harness) => [0, SAME_KEY_GRACE_MS, MAX_HOLD_MS].map((waitedMs) => ({ id, harness, waitedMs }))),
);

describe('a harness', () => {
  it('is sent only to a live registration of the fenced incarnation and a serving key, at the address that was observed', () => {
    const answers = { serve: 0, hold: 0, refuse: 0 };
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 10, maxLength: 60 }), (steps) => {
        const table = new PresenceTable();
        const world = new World();
        for (const each of [...INTRODUCED, ...steps]) {
          world.take(each);
          apply(table, each, world.now);
          for (const question of QUESTIONS) {
            const decision = decide(table, world, question);
            answers[decision.kind] += 1;
            expect(mistakeIn(decision, world, question)).toBeUndefined();
          }
        }
      }),
      { numRuns: 400 },
    );
    // A test in which nobody is ever served, or nobody ever waits, would show nothing.
    const total = answers.serve + answers.hold + answers.refuse;
    expect(answers.serve / total).toBeGreaterThan(0.1);
    expect(answers.hold / total).toBeGreaterThan(0.1);
  });
});
