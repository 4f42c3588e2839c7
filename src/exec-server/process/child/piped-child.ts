import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type Child, type ChildEvents, type ChildSpec, exitCodeOf } from './child.ts';
import type { ChildDescriptor, DescriptorMask } from './descriptor-mask.ts';
import type { Pipe, PipeStock } from './pipes.ts';
import { interruptFollowers, interruptGroup } from './tree.ts';

interface Ends {
  stdin: Writable | undefined;
  stdout: Readable;
  stderr: Readable;
}

/**
 * Starts a program with pipes: standard input from `/dev/null` unless `pipeStdin`, no descriptor but 0, 1 and 2.
 *
 * @throws Error of the system call (`ENOENT`: program or working directory missing)
 */
export async function startPiped(spec: ChildSpec, pipes: PipeStock | undefined, mask: DescriptorMask): Promise<Child> {
  return pipes ? startWithPipes(spec, pipes, mask) : startWithSockets(spec, mask);
}

async function startWithPipes(spec: ChildSpec, pipes: PipeStock, mask: DescriptorMask): Promise<Child> {
  const opened: Pipe[] = [];
  const open = async (direction: 'output' | 'input') => {
    const pipe = await pipes.open(direction);
    opened.push(pipe);
    return pipe;
  };
  try {
    const stdin = spec.pipeStdin ? await open('input') : undefined;
    const stdout = await open('output');
    const stderr = await open('output');
    const child = await spawnIn(spec, [stdin?.child ?? 'ignore', stdout.child, stderr.child], mask);
    const input = stdin && new Socket({ fd: stdin.ours, readable: false, writable: true });
    const reader = (fd: number) => new Socket({ fd, readable: true, writable: false });
    return new PipedChild(
      child,
      { stdin: input, stdout: reader(stdout.ours), stderr: reader(stderr.ours) },
      spec.supervised,
    );
  } catch (error) {
    for (const { ours } of opened) closeSync(ours);
    throw error;
  } finally {
    // Ours would keep the pipes from ending.
    for (const { child } of opened) closeSync(child);
  }
}

async function startWithSockets(spec: ChildSpec, mask: DescriptorMask): Promise<Child> {
  const child = await spawnIn(spec, [spec.pipeStdin ? 'pipe' : 'ignore', 'pipe', 'pipe'], mask);
  const { stdin, stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('the child has no output');
  return new PipedChild(child, { stdin: stdin ?? undefined, stdout, stderr }, spec.supervised);
}

async function spawnIn(spec: ChildSpec, descriptors: ChildDescriptor[], mask: DescriptorMask): Promise<ChildProcess> {
  const { file, args, arg0, cwd, env } = spec;
  // `detached` is setsid: the child leads a session and a group of its own.
  const options = {
    cwd,
    env,
    stdio: mask.cover(descriptors),
    detached: true,
    ...(arg0 !== undefined && { argv0: arg0 }),
  };
  const child = spawn(file, [...args], options);
  await once(child, 'spawn');
  return child;
}

class PipedChild implements Child {
  readonly pid: number;
  readonly hasStdin: boolean;
  readonly #process: ChildProcess;
  readonly #ends: Ends;
  readonly #supervised: boolean;

  constructor(process: ChildProcess, ends: Ends, supervised = false) {
    this.#supervised = supervised;
    this.#process = process;
    this.#ends = ends;
    this.pid = process.pid ?? 0;
    this.hasStdin = ends.stdin !== undefined;
    // EPIPE: the child closed its input. `write` finds the stream unwritable from then on.
    ends.stdin?.on('error', () => ends.stdin?.destroy());
  }

  listen(events: ChildEvents): void {
    const { exitCode, signalCode } = this.#process;
    const exited = (code: number | null, signal: NodeJS.Signals | null) => events.exited(exitCodeOf(code, signal));
    // A short program may be over before anybody listens.
    if (exitCode !== null || signalCode !== null) queueMicrotask(() => exited(exitCode, signalCode));
    else this.#process.once('exit', exited);
    let open = 2;
    for (const stream of ['stdout', 'stderr'] as const) {
      const end = this.#ends[stream];
      end.on('data', (bytes: Buffer) => events.output(stream, bytes));
      end.on('error', () => end.destroy());
      end.once('close', () => {
        open--;
        if (open === 0) events.outputEnded();
      });
    }
  }

  pause(): void {
    this.#ends.stdout.pause();
    this.#ends.stderr.pause();
  }

  resume(): void {
    this.#ends.stdout.resume();
    this.#ends.stderr.resume();
  }

  write(bytes: Buffer, written: () => void): boolean {
    const { stdin } = this.#ends;
    if (!stdin?.writable) return false;
    stdin.write(bytes, () => written());
    return true;
  }

  endInput(): void {
    this.#ends.stdin?.end();
  }

  interrupt(): void {
    if (this.#supervised) void interruptFollowers(this.pid);
    else interruptGroup(this.pid);
  }

  dispose(): void {
    this.#ends.stdin?.destroy();
    this.#ends.stdout.destroy();
    this.#ends.stderr.destroy();
  }
}
