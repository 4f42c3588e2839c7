import type { Clock } from '../../telemetry/index.ts';
import type { ExecResult, ParsedExecParams } from '../../wire/index.ts';
import { MAX_READ_BYTES, MAX_READ_CHUNKS, MAX_READ_WAIT_MS, READ_BYTES } from '../limits.ts';
import type { Entry, OutputStream } from '../output/block.ts';
import type { HostedProcess } from './hosted-process.ts';

type ReadParams = ParsedExecParams<'process/read'>;
type ReadResult = ExecResult<'process/read'>;

export interface ProcessRead {
  readonly result: ReadResult;
  /** Everything from `afterSeq` up to this entry is output, and in the answer. */
  readonly upTo: Entry | undefined;
}

interface Collected {
  chunks: { seq: number; stream: OutputStream; chunk: string }[];
  upTo: Entry | undefined;
  /** Output was left out for its size. */
  truncated: boolean;
}

/**
 * `process/read` (contract §9.3): waits up to `waitMs` for something newer than `afterSeq`, then answers what there is.
 *
 * Where we cut an answer that the client did not limit (a real executor retains no more than what fits), the answer is the process's
 * state at the last chunk: not yet exited, `nextSeq` the one after it. So a client that goes on by `nextSeq`, or by notifications, misses
 * nothing, and none takes the process for ended before it has its output.
 */
export async function readProcess(process: HostedProcess, params: ReadParams, clock: Clock): Promise<ProcessRead> {
  const afterSeq = params.afterSeq ?? 0;
  await waitForNews(process, afterSeq, Math.min(params.waitMs ?? 0, MAX_READ_WAIT_MS), clock);
  const limit = Math.min(params.maxBytes ?? READ_BYTES, MAX_READ_BYTES);
  const { chunks, upTo, truncated } = await collect(process, afterSeq, limit);
  const afterLast = (chunks.at(-1)?.seq ?? afterSeq) + 1;
  const limited = typeof params.maxBytes === 'number';
  const earlier = truncated && !limited;
  const exited = process.exitSeq !== undefined && (!earlier || process.exitSeq < afterLast);
  const result = {
    chunks,
    nextSeq: earlier || (limited && chunks.length > 0) ? afterLast : process.log.nextSeq,
    exited,
    exitCode: exited ? (process.exitCode ?? null) : null,
    closed: !earlier && process.closed,
    failure: null,
    sandboxDenied: false,
  };
  return { result, upTo };
}

async function waitForNews(process: HostedProcess, afterSeq: number, waitMs: number, clock: Clock): Promise<void> {
  const deadline = clock.now() + waitMs;
  for (let left = waitMs; left > 0; left = deadline - clock.now()) {
    if (process.closed || process.log.nextSeq > afterSeq + 1) return;
    await process.nextEntry(left);
  }
}

async function collect(process: HostedProcess, afterSeq: number, limit: number): Promise<Collected> {
  const collected: Collected = { chunks: [], upTo: undefined, truncated: false };
  const { chunks } = collected;
  let bytes = 0;
  let onlyOutput = true;
  for (let seq = afterSeq + 1; ; seq++) {
    const entry = await process.log.at(seq);
    if (!entry) return collected;
    seq = entry.seq;
    onlyOutput &&= isOutput(entry);
    if (!isOutput(entry)) continue;
    bytes += entry.bytes.length;
    if (chunks.length > 0 && (bytes > limit || chunks.length >= MAX_READ_CHUNKS))
      return { ...collected, truncated: true };
    chunks.push({ seq, stream: entry.kind, chunk: entry.bytes.toString('base64') });
    if (onlyOutput) collected.upTo = entry;
  }
}

function isOutput(entry: Entry): entry is Entry & { kind: OutputStream } {
  return entry.kind !== 'exited' && entry.kind !== 'closed';
}
