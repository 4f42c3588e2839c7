import { ageOf, type Cell, type PaintedText, table } from '../output/table.ts';
import { type ExecutorStanding, type Fleet, isAsAsked, type RelayStanding, STATES, type State } from './fleet.ts';

/** Colours a word that says how something is; the identity where there is no terminal. */
export type Paint = (state: State, text: string) => string;

const WORDS: Readonly<Record<State, string>> = {
  Ready: 'Ready',
  Progressing: 'Progressing',
  NotReady: 'not Ready',
  Suspended: 'Suspended',
  Stalled: 'Stalled',
  Unreadable: 'unreadable',
};

/** For people: the relays, executors counted by state, and why those are not ready that are not. */
export function fleetText(fleet: Fleet, paint: Paint): string {
  const heads = [...fleet.relays.map((relay) => relayHead(relay, paint)), ['EXECUTORS', countsCell(fleet, paint)]];
  return table(heads) + table(troubles(fleet, paint));
}

/** `-o wide`: the same, and every executor. */
export function wideText(fleet: Fleet, paint: Paint, now: number): string {
  const head = ['NAME', 'STATE', 'REASON', 'RELAY', 'KEY', 'ROTATES', 'CLIENTS', 'RUNTIME', 'POD', 'AGE'];
  const rows = fleet.executors.map((each) => executorRow(each, paint, now));
  return fleetText(fleet, paint) + (rows.length === 0 ? '' : `\n${table([head, ...rows])}`);
}

/** `-o name`, as kubectl writes names. */
export function nameText({ relays, executors }: Fleet): string {
  const names = [
    ...relays.map(({ name }) => `relay.noisefleet.dev/${name}\n`),
    ...executors.map(({ name }) => `executor.noisefleet.dev/${name}\n`),
  ];
  return names.join('');
}

function relayHead(relay: RelayStanding, paint: Paint): Cell[] {
  const { namespace, name, state, relays, registries, executors, sessions } = relay;
  const figures = [
    isAsAsked(state) ? undefined : word(state, paint),
    relays && `${relays.ready}/${relays.wanted} relays`,
    registries && `${registries.ready}/${registries.wanted} registries`,
    executors === undefined ? undefined : counted(executors, 'executor'),
    sessions === undefined ? undefined : counted(sessions, 'session'),
  ];
  return [`RELAY ${namespace}/${name}`, joined(figures.filter((each) => each !== undefined))];
}

function countsCell({ counts, executors }: Fleet, paint: Paint): Cell {
  if (executors.length === 0) return 'none';
  const parts = STATES.flatMap((state) => (counts[state] === undefined ? [] : [word(state, paint, counts[state])]));
  const due = executors.filter(({ rotationDue }) => rotationDue).length;
  return joined([...parts, ...(due === 0 ? [] : [`key rotation due: ${due}`])]);
}

function troubles({ relays, executors }: Fleet, paint: Paint): Cell[][] {
  return [...relays, ...executors]
    .filter(({ state }) => !isAsAsked(state))
    .map(({ namespace, name, state, reason, message = '' }) => [
      `  ${namespace}/${name}`,
      word(state, paint),
      reason ?? '',
      message.replaceAll('\n', ' '),
    ]);
}

function executorRow(executor: ExecutorStanding, paint: Paint, now: number): Cell[] {
  const { namespace, name, state, nextRotationTime, creationTime, sessions } = executor;
  const cells = [
    executor.reason,
    executor.relay,
    executor.key,
    nextRotationTime === undefined ? undefined : `in ${ageOf(Date.parse(nextRotationTime) - now)}`,
    sessions === undefined ? undefined : String(sessions),
    executor.runtime,
    executor.pod,
    creationTime === undefined ? undefined : ageOf(now - Date.parse(creationTime)),
  ];
  return [`${namespace}/${name}`, word(state, paint), ...cells.map((cell) => cell || '–')];
}

/** A state in words, after its number where it is counted. */
function word(state: State, paint: Paint, count?: number): PaintedText {
  const text = count === undefined ? WORDS[state] : `${count} ${WORDS[state]}`;
  return { text, shown: paint(state, text) };
}

function joined(cells: readonly Cell[]): PaintedText {
  const text = cells.map((cell) => (typeof cell === 'string' ? cell : cell.text)).join(' · ');
  return { text, shown: cells.map((cell) => (typeof cell === 'string' ? cell : cell.shown)).join(' · ') };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
