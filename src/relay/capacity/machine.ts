import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';

/** What this process may use of the machine that it runs on. */
export interface Machine {
  readonly memoryBytes: number;
  /** File descriptors; infinite where nobody says. */
  readonly openFiles: number;
}

export async function readMachine(): Promise<Machine> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return {
    // libuv reads `memory.max` of cgroup v2 or `memory.limit_in_bytes` of v1, and says 0 or more than there is for "no limit".
    memoryBytes: memoryIn(process.constrainedMemory(), totalmem()),
    openFiles: openFilesIn(limits),
  };
}

/** The container's memory, else the machine's. */
export function memoryIn(containerBytes: number, machineBytes: number): number {
  return containerBytes > 0 ? Math.min(containerBytes, machineBytes) : machineBytes;
}

/** The soft limit, which is what counts; Node raises it to the hard one at its start. */
export function openFilesIn(procLimits: string): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(procLimits) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
