import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Fields of `/proc/PID/stat` after the command name, counted from the state (proc(5)). */
const STAT_GROUP = 2;
const STAT_SESSION = 3;
const STAT_FOREGROUND_GROUP = 5;

/**
 * So many processes are looked at in one turn of the event loop, some 20 µs each: a machine may have thousands, and output of others waits
 * meanwhile.
 */
const LOOKED_AT_PER_TURN = 32;
/** Longer than any `/proc/PID/stat`: 52 numbers of at most 20 digits and a name of 15 characters, or 64 for a kernel thread. */
const STAT_BYTES = 2_048;

/**
 * Signals the whole tree of a child that leads a session: its group at once, and soon whatever else is in its session (jobs of an interactive
 * shell have groups of their own). A process that made a session of its own is no longer found. Resolves when all is signalled; never rejects.
 *
 * `reaped`: the child itself is gone. A process with its number is then a stranger, and nothing of the tree is left: the kernel gives
 * no number out while a group or session still bears it.
 */
export async function signalTree(pid: number, signal: NodeJS.Signals, reaped: boolean): Promise<void> {
  if (reaped && isAlive(pid)) return;
  send(-pid, signal);
  for (const member of (await allSessions()).get(pid) ?? []) {
    if (reaped && isAlive(pid)) return;
    if (statField(member, STAT_GROUP) !== pid && statField(member, STAT_SESSION) === pid) send(member, signal);
  }
}

/** Those of these children, which were all reaped, of whose trees something is left. */
export async function treesLeft(pids: readonly number[]): Promise<ReadonlySet<number>> {
  const sessions = await allSessions();
  return new Set(pids.filter((pid) => !isAlive(pid) && (isAlive(-pid) || sessions.has(pid))));
}

/** Ctrl-C without a terminal: the group, which is all that a shell without job control started. */
export function interruptGroup(pid: number): void {
  send(-pid, 'SIGINT');
}

/** Ctrl-C for all but the leader of a session, which only waits for the others and would take them along. */
export async function interruptFollowers(pid: number): Promise<void> {
  for (const member of (await allSessions()).get(pid) ?? []) {
    if (member !== pid && statField(member, STAT_SESSION) === pid) send(member, 'SIGINT');
  }
}

/** Ctrl-C on a terminal goes to the group in its foreground. */
export function interruptForeground(pid: number): void {
  const group = statField(pid, STAT_FOREGROUND_GROUP);
  send(group !== undefined && group > 0 ? -group : -pid, 'SIGINT');
}

type Sessions = ReadonlyMap<number, readonly number[]>;

let nextLook: Promise<Sessions> | undefined;

/** Who is in which session, of all processes of this machine that can be seen. All who ask in one turn of the event loop share one look. */
function allSessions(): Promise<Sessions> {
  nextLook ??= nextTurn().then(() => {
    nextLook = undefined;
    return look();
  });
  return nextLook;
}

async function look(): Promise<Sessions> {
  const sessions = new Map<number, number[]>();
  const pids = visiblePids();
  for (let at = 0; at < pids.length; at += LOOKED_AT_PER_TURN) {
    if (at > 0) await nextTurn();
    for (const pid of pids.slice(at, at + LOOKED_AT_PER_TURN)) {
      const session = statField(pid, STAT_SESSION);
      if (session === undefined) continue;
      const members = sessions.get(session);
      if (members === undefined) sessions.set(session, [pid]);
      else members.push(pid);
    }
  }
  return sessions;
}

function visiblePids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

const statBytes = Buffer.allocUnsafeSlow(STAT_BYTES);

function statField(pid: number, field: number): number | undefined {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/stat`, 'r');
    const stat = statBytes.toString('latin1', 0, readSync(file, statBytes));
    // The command name may contain anything, spaces and parentheses included.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field]);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** A negative number asks for a group. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // Gone meanwhile, which is what was wanted, or another user's, which nobody can mend.
  }
}
