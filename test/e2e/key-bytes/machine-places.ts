import { closeSync, globSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './needles.ts';

const BLOCK = 4 * 1024 * 1024;
/** Longer than any needle: what lies across two blocks is found too. */
const OVERLAP = 4_096;

/** Arguments and environment of every process of this machine, the nodes' among them. To be called as root. */
export function processes(): Place[] {
  return pids().flatMap((pid) => [
    { sort: 'arguments', where: `arguments of process ${pid}`, bytes: read(`/proc/${pid}/cmdline`) },
    { sort: 'environment', where: `environment of process ${pid}`, bytes: read(`/proc/${pid}/environ`) },
  ]);
}

/** The memory of each of these processes, in blocks: of a relay all that it carries, as it carries it. */
export function* memoryOf(name: string, processes = processesOf(name)): Generator<Place> {
  for (const pid of processes) yield* blocksOf(pid, `memory of ${name}`);
}

/** Of every container of a pod, by the pod's UID: whatever they made of their environment. */
export function processesUnder(uid: string): number[] {
  return pids().filter((pid) => read(`/proc/${pid}/cgroup`).includes(`/pod${uid}/`));
}

/** Of a pod's containers, as this machine numbers them; of these the ones with `word` among their arguments. */
export function processesOf(pod: string, word = ''): number[] {
  return pids().filter((pid) => {
    const [environment, line] = ['environ', 'cmdline'].map((name) => read(`/proc/${pid}/${name}`));
    return environment?.includes(`HOSTNAME=${pod}\0`) && line?.includes(word);
  });
}

/** Every file of a folder. */
export function filesOf(folder: string): Place[] {
  const files = globSync('**', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => {
    const where = join(entry.parentPath, entry.name);
    return { sort: 'storage of OpenBao', where, bytes: readFileSync(where) };
  });
}

function* blocksOf(pid: number, where: string): Generator<Place> {
  const descriptor = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const [, from = '', to = ''] of read(`/proc/${pid}/maps`)
      .toString()
      .matchAll(/^([0-9a-f]+)-([0-9a-f]+) r/gm)) {
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      for (let at = start; at < end && Number.isSafeInteger(at); at += BLOCK - OVERLAP) {
        const bytes = readAt(descriptor, at, Math.min(BLOCK, end - at));
        if (bytes === undefined) break;
        yield { sort: 'memory', where, bytes };
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined for a mapping that has no memory behind it. */
function readAt(descriptor: number, position: number, length: number): Buffer | undefined {
  const block = Buffer.alloc(length);
  try {
    return block.subarray(0, readSync(descriptor, block, 0, length, position));
  } catch {
    return undefined;
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Empty for a process that has ended. */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
