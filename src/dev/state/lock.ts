import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { DevError } from '../errors.ts';
import { hasCode, readFileIfThere } from './atomic-file.ts';

const holderSchema = z.object({ pid: z.int().positive(), started: z.string().optional() });
type Holder = z.infer<typeof holderSchema>;

/** A lock that outlived its holder is removed; more rounds than this means that others keep taking it. */
const MAX_ATTEMPTS = 5;

export interface Lock {
  release(): void;
}

/**
 * One `dev` per state directory. The lock file names its holder; a holder that no longer runs loses it, so a `kill -9` needs no
 * cleaning up. Where /proc exists the start time is compared too, because process ids come round again.
 *
 * @throws DevError `already_running`
 */
export function takeLock(path: string): Lock {
  const own: Holder = { pid: process.pid, ...startedOf(process.pid) };
  const prepared = `${path}.${process.pid}`;
  writeFileSync(prepared, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (linkIfFree(prepared, path)) return { release: () => releaseOwn(path, own) };
      const holder = readHolder(path);
      if (holder !== undefined && runs(holder)) {
        throw new DevError(
          'already_running',
          `noisefleet dev runs already with this state directory (process ${holder.pid}).\n` +
            '  Use it, stop it with Ctrl-C, or start another one with --state-dir DIRECTORY.',
        );
      }
      rmSync(path, { force: true });
    }
    throw new DevError('already_running', `the lock ${path} is taken again and again by others`);
  } finally {
    rmSync(prepared, { force: true });
  }
}

/** A hard link appears with its content or not at all, and never over another. */
function linkIfFree(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function releaseOwn(path: string, own: Holder): void {
  if (readHolder(path)?.pid === own.pid) rmSync(path, { force: true });
}

/** Undefined for a file that is gone or holds nothing that we wrote. */
function readHolder(path: string): Holder | undefined {
  const text = readFileIfThere(path);
  if (text === undefined) return undefined;
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function runs({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
  const now = startedOf(pid).started;
  return started === undefined || now === undefined || started === now;
}

/** Field 22 of /proc/PID/stat: clock ticks since boot. The name in field 2 may hold spaces and brackets, so count from its end. */
function startedOf(pid: number): Pick<Holder, 'started'> {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return started === undefined ? {} : { started };
  } catch {
    return {}; // not a Linux
  }
}
