import { readdirSync, readFileSync } from 'node:fs';

/** Fields of `/proc/PID/stat` after the command name, counted from the state (proc(5)). */
const STAT_GROUP = 2;
const STAT_SESSION = 3;
const STAT_FOREGROUND_GROUP = 5;

/**
 * Signals the whole tree of a child that leads a session: its group, and whatever else is in its session (jobs of an interactive
 * shell have groups of their own). A process that made a session of its own is no longer found.
 *
 * `reaped`: the child itself is gone. A process with its number is then a stranger, and nothing of the tree is left: the kernel gives
 * no number out while a group or session still bears it.
 */
export function signalTree(pid: number, signal: NodeJS.Signals, reaped: boolean): void {
  if (reaped && isAlive(pid)) return;
  send(-pid, signal);
  for (const member of sessionMembers(pid)) {
    if (statField(member, STAT_GROUP) !== pid) send(member, signal);
  }
}

/** Whether anything but the child itself, which was reaped, is left of its tree. */
export function hasTree(pid: number): boolean {
  return !isAlive(pid) && (isAlive(-pid) || sessionMembers(pid).length > 0);
}

/** Ctrl-C without a terminal: the group, which is all that a shell without job control started. */
export function interruptGroup(pid: number): void {
  send(-pid, 'SIGINT');
}

/** Ctrl-C for all but the leader of a session, which only waits for the others and would take them along. */
export function interruptFollowers(pid: number): void {
  for (const member of sessionMembers(pid)) {
    if (member !== pid) send(member, 'SIGINT');
  }
}

/** Ctrl-C on a terminal goes to the group in its foreground. */
export function interruptForeground(pid: number): void {
  const group = statField(pid, STAT_FOREGROUND_GROUP);
  send(group !== undefined && group > 0 ? -group : -pid, 'SIGINT');
}

function sessionMembers(session: number): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => statField(pid, STAT_SESSION) === session);
}

function statField(pid: number, field: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name may contain anything, spaces and parentheses included.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field]);
  } catch {
    return undefined;
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
