import { type FormerKeyStatus, type KeyStatus, requesterText, type StoredExecutor } from '../../api/index.ts';
import { shortFingerprint } from '../../wire/index.ts';
import { printable, shortened } from '../output/printable.ts';
import { ageOf, table } from '../output/table.ts';

type Key = KeyStatus | FormerKeyStatus;

/** Of a reason or a name, in a table. All of it: `-o wide`. */
const MAX_CELL = 40;

const NONE = '–';

/** Every key that is remembered, the newest first; `all`: also those that serve no more. */
function keysOf({ status }: StoredExecutor, all: boolean): readonly Key[] {
  const keys: readonly Key[] = all ? [...status.keys, ...status.formerKeys] : status.keys;
  return keys.toSorted((a, b) => Number(b.id.slice(1)) - Number(a.id.slice(1)));
}

export interface HistoryView {
  readonly all: boolean;
  readonly wide: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** For people: a line a key, and when the next one comes. */
export function historyText(executor: StoredExecutor, { all, wide, now }: HistoryView): string {
  const { nextRotationTime, droppedKeys = 0 } = executor.status;
  const head = ['ID', 'STATE', 'FINGERPRINT', 'CREATED', 'ACTIVE', 'RETIRED', 'TRIGGER', 'BY', 'REASON'];
  const rows = keysOf(executor, all).map((key) => rowOf(key, wide, now));
  const notes = [
    ...(all && droppedKeys > 0
      ? [`${droppedKeys} older ${droppedKeys === 1 ? 'key is' : 'keys are'} no longer listed`]
      : []),
    ...(nextRotationTime === undefined ? [] : [`the next rotation by the schedule is ${when(nextRotationTime, now)}`]),
  ];
  return table([[...head, ...(wide ? ['GONE'] : [])], ...rows]) + notes.map((note) => `${note}\n`).join('');
}

/** For machines. Fields may be added, none renamed. */
export function historyDocument(executor: StoredExecutor, all: boolean) {
  const { metadata, status } = executor;
  const { activeKeyID, lastRotationTime, nextRotationTime, droppedKeys = 0 } = status;
  return {
    version: 1,
    namespace: metadata.namespace,
    name: metadata.name,
    activeKeyID,
    lastRotationTime,
    nextRotationTime,
    droppedKeys,
    keys: keysOf(executor, all),
  };
}

function rowOf(key: Key, wide: boolean, now: number): string[] {
  const { id, state, fingerprint, trigger, creationTime, activationTime } = key;
  const ended = key.revocationTime ?? key.retirementTime;
  const words = (text: string | undefined) =>
    text === undefined ? NONE : wide ? printable(text) : shortened(text, MAX_CELL);
  return [
    id,
    state,
    fingerprint === undefined ? NONE : wide ? fingerprint : shortFingerprint(fingerprint),
    when(creationTime, now),
    when(activationTime, now),
    when(ended, now),
    trigger,
    words(requesterText(key)),
    words(key.reason),
    ...(wide ? [when(key.destructionTime, now)] : []),
  ];
}

function when(time: string | undefined, now: number): string {
  if (time === undefined) return NONE;
  const at = Date.parse(time);
  return at > now ? `in ${ageOf(at - now)}` : `${ageOf(now - at)} ago`;
}
