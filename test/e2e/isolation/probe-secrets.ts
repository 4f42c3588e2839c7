/**
 * Runs in a container (`in-container.ts`): reads whatever its user can read there (files of every mount, every process with its memory) and
 * says where one of the needles is. First argument: `{needles}` in JSON, each in base64 of its bytes turned round, so that not this process's
 * own argument is found in every buffer that it passed through. Without needles no file is read.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

interface Needle {
  readonly name: string;
  readonly turned: string;
}

interface Find {
  readonly needle: string;
  readonly where: string;
}

const BLOCK = 4 * 1024 * 1024;
/** Longer than any needle: what lies across two blocks is found too. */
const OVERLAP = 256;
/** No file of bytes that a process wrote: attributes of the kernel, and devices. Processes are looked at one by one. */
const NO_FILES = new Set(['/proc', '/sys', '/dev']);

const { needles }: { needles: readonly Needle[] } = JSON.parse(process.argv[1] ?? '');
const patterns = needles.map(({ name, turned }) => ({
  name,
  bytes: Buffer.from([...turned].reverse().join(''), 'base64'),
}));

const counts = { files: 0, refusedFiles: 0 };
const found: Find[] = [];

function searchIn(block: Buffer, where: string): void {
  for (const { name, bytes } of patterns) if (block.includes(bytes)) found.push({ needle: name, where });
}

/** Everything from `start` on, up to `length` bytes, as far as it can be read. */
function searchRange(descriptor: number, start: number, length: number, where: string): void {
  const block = Buffer.alloc(Math.min(BLOCK, length));
  for (let offset = 0; offset < length; ) {
    const read = readSync(descriptor, block, 0, Math.min(block.length, length - offset), start + offset);
    if (read === 0) return;
    searchIn(block.subarray(0, read), where);
    if (read < block.length) return;
    offset += read - OVERLAP;
  }
}

function searchFile(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    counts.refusedFiles++;
    return;
  }
  try {
    counts.files++;
    searchRange(descriptor, 0, Number.MAX_SAFE_INTEGER, path);
  } finally {
    closeSync(descriptor);
  }
}

function searchFolder(folder: string): void {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(folder);
  } catch {
    counts.refusedFiles++;
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !NO_FILES.has(path)) searchFolder(path);
    else if (entry.isFile()) searchFile(path);
  }
}

const list = (folder: string) => readdirSync(folder, { withFileTypes: true });

const readable = (path: string, read: (path: string) => string | Buffer = readFileSync): string | undefined => {
  try {
    return read(path).toString();
  } catch {
    return undefined;
  }
};

/** `read` when a single byte of its memory could be read. */
function searchMemory(pid: number): 'read' | 'refused' {
  const maps = readable(`/proc/${pid}/maps`) ?? '';
  let outcome: 'read' | 'refused' = 'refused';
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return outcome;
  }
  for (const [, from = '', to = ''] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r/gm)) {
    const start = Number.parseInt(from, 16);
    try {
      // Above 2^53 there is only the kernel's own page.
      if (!Number.isSafeInteger(start)) continue;
      searchRange(descriptor, start, Number.parseInt(to, 16) - start, `memory of process ${pid}`);
      outcome = 'read';
    } catch {
      // A mapping that has no memory behind it.
    }
  }
  closeSync(descriptor);
  return outcome;
}

/** SIGUSR1, by which Node opens its debugger, in a mask of signals. */
const DEBUGGER_SIGNAL = 1 << 9;

/** The mask of the first 32 signals that a process handles by itself (`proc_pid_status(5)`). */
function caughtSignals(pid: number): number {
  const [, mask = ''] = /^SigCgt:\s+[0-9a-f]*([0-9a-f]{8})$/m.exec(readable(`/proc/${pid}/status`) ?? '') ?? [];
  return Number.parseInt(mask, 16);
}

function look(pid: number) {
  const environment = readable(`/proc/${pid}/environ`);
  const command = readable(`/proc/${pid}/cmdline`);
  if (environment !== undefined) searchIn(Buffer.from(environment), `environment of process ${pid}`);
  if (command !== undefined) searchIn(Buffer.from(command), `command line of process ${pid}`);
  return {
    pid,
    command: command?.split('\0').join(' ') ?? '',
    environment: environment === undefined ? 'refused' : 'read',
    root: readable(`/proc/${pid}/root`, readlinkSync) === undefined ? 'refused' : 'read',
    memory: searchMemory(pid),
    debugger: caughtSignals(pid) & DEBUGGER_SIGNAL ? 'by signal' : 'never',
  };
}

/** Somebody whose memory may be read, with a needle in it: else nothing that was not found means anything. */
const witness = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("ready")'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
await new Promise((resolve) => witness.stdout.once('data', resolve));
const processes = list('/proc')
  .map(({ name }) => Number(name))
  .filter((pid) => pid > 0 && pid !== process.pid)
  .map(look);
witness.kill('SIGKILL');
if (patterns.length > 0) searchFolder('/');
const mounts = (readable('/proc/self/mountinfo') ?? '').trim().split('\n');
process.stdout.write(
  JSON.stringify({
    ...counts,
    found,
    processes,
    witness: witness.pid,
    mounts: mounts.map((line) => line.split(' ')[4] ?? ''),
    environment: process.env,
    addresses: Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address)),
    listening: ['tcp', 'tcp6'].flatMap((table) =>
      [...(readable(`/proc/net/${table}`) ?? '').matchAll(/^ *\d+: \w+:([0-9A-F]{4}) \w+:0000 0A /gm)].map(
        ([, port = '']) => Number.parseInt(port, 16),
      ),
    ),
  }),
);
