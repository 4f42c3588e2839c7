import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const started = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** Starts a program on one core. It ends with this process at the latest. */
export function startPinned(core: number, command: readonly string[]): ChildProcess {
  const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

/** Starts a script of this folder on one core. @returns with the JSON of its first line, which it prints when it is ready */
export async function startScript<T>(
  core: number,
  script: string,
  args: readonly string[] = [],
): Promise<{ child: ChildProcess; pid: number; told: T }> {
  const path = new URL(`./${script}.ts`, import.meta.url).pathname;
  const child = startPinned(core, [process.execPath, path, ...args]);
  if (child.stdout === null) throw new Error('its output is a pipe');
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, pid: child.pid ?? 0, told: JSON.parse(String(line)) };
}

/** Ends a process at once and waits for its end. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** User and system time of a process: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The most that a process had resident since `forgetPeak` (proc_pid_status(5), VmHWM), in MiB. */
export function peakMebibytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** From now on the peak is counted anew (proc_pid_clear_refs(5), 5). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Undefined when a process may open so many files; else how many it may. */
export function descriptorsMissing(count: number): string | undefined {
  const limit = /^Max open files +\d+ +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (limit === undefined || limit === 'unlimited' || Number(limit) >= count) return undefined;
  return `a process may open ${limit} files here, ${count} are needed`;
}
