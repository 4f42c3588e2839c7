import { type KeyChange, type KeyEffect, type KeysRecord, keyChanges, keyOccurrences } from '../../keys/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import type { World } from '../world.ts';
import { driftOccurrence } from './drift.ts';
import type { KeyMetrics } from './key-metrics.ts';

/** An effect that was done, and what the store had when the look began. */
export interface DoneEffect {
  readonly effect: KeyEffect;
  readonly record: KeysRecord;
  readonly known: readonly string[];
}

/**
 * Tells what becomes of keys: an event for who looks at the Executor, a line for who reads the log later, a number for who watches all of
 * them. Ids and fingerprints only.
 */
export class KeyTeller {
  readonly #metrics: KeyMetrics;

  constructor(metrics: KeyMetrics) {
    this.#metrics = metrics;
  }

  /** What a record says that was written: by the one process whose write counted. */
  recorded(
    { events, log }: Pick<World, 'events' | 'log'>,
    executor: ServedExecutor,
    before: KeysRecord,
    after: KeysRecord,
  ) {
    const changes = keyChanges(before.keys, after.keys);
    for (const occurrence of keyOccurrences(changes)) events.record(executor, occurrence);
    for (const change of changes) {
      writeLine(log, executor, change);
      this.#metrics.changes.add(1, { change: change.type, trigger: change.key.trigger });
    }
    for (const { dependency, code, failures } of after.failures) {
      const last = before.failures.find((failure) => failure.dependency === dependency);
      if (last?.failures !== failures) this.#metrics.failures.add(1, { dependency, code });
    }
  }

  /** What was put right: by whoever did it, at once, since the next look finds nothing any more. */
  done(
    { events, log }: Pick<World, 'events' | 'log'>,
    executor: ServedExecutor,
    { effect, record, known }: DoneEffect,
  ) {
    const occurrence = driftOccurrence(effect, record, known);
    if (occurrence === undefined || effect.type === 'poke') return;
    const { namespace, name } = executor.metadata;
    events.record(executor, occurrence);
    log.warn({ namespace, executor: name, key: effect.id, effect: effect.type }, 'key drift mended');
    this.#metrics.drift.add(1, { reason: occurrence.reason });
  }
}

/** One line of the audit log: who asked for what, and what it became. The type has no place for a key. */
function writeLine(log: Logger, { metadata: { namespace, name } }: ServedExecutor, { type, key, previous }: KeyChange) {
  const { id, fingerprint, trigger, requestedBy, requester, reason } = key;
  const facts = {
    namespace,
    executor: name,
    key: id,
    trigger,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(previous !== undefined && { previous: previous.id }),
    ...(requestedBy !== undefined && { requestedBy, requester }),
    ...(reason !== undefined && { reason }),
  };
  log.info(facts, LINES[type]);
}

const LINES: Readonly<Record<KeyChange['type'], string>> = {
  requested: 'key requested',
  created: 'key created',
  activated: 'key activated',
  retired: 'key retired',
  destroyed: 'key destroyed',
  revoked: 'key revoked',
};
