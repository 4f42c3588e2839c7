import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputOrder, type ProcessEvent, type ReadAnswer } from './output-order.ts';

const chunkOf = (seq: number) => Buffer.from(`${seq};`);
const output = (seq: number): ProcessEvent => ({ type: 'output', seq, stream: 'stdout', chunk: chunkOf(seq) });
const exited = (seq: number): ProcessEvent => ({ type: 'exited', seq, exitCode: 3, sandboxDenied: false });
const closed = (seq: number): ProcessEvent => ({ type: 'closed', seq });
const answer = (seqs: number[], flags: Partial<ReadAnswer> = {}): ReadAnswer => ({
  chunks: seqs.map((seq) => ({ seq, stream: 'stdout', chunk: chunkOf(seq) })),
  exited: false,
  exitCode: null,
  closed: false,
  sandboxDenied: false,
  ...flags,
});
const seqsOf = (events: ProcessEvent[]) => events.map(({ seq }) => seq);
const gone = { exited: true, exitCode: 3 };

describe('OutputOrder', () => {
  it('delivers events in the order of their numbers, each once', () => {
    const order = new OutputOrder();
    expect(order.push(output(2))).toEqual([]);
    expect(order.hasGap).toBe(true);
    expect(seqsOf(order.push(output(1)))).toEqual([1, 2]);
    expect(order.push(output(2))).toEqual([]);
    expect(order.lastSeq).toBe(2);
  });

  it('joins what was read again with what is sent anew', () => {
    const order = new OutputOrder();
    order.push(output(1));
    order.push(output(4));
    expect(seqsOf(order.take(answer([2, 3])))).toEqual([2, 3, 4]);
    expect(order.hasGap).toBe(false);
  });

  it('takes the one number that is in no chunk for the exit', () => {
    const order = new OutputOrder();
    order.push(output(1));
    const events = order.take(answer([3], gone));
    expect(events.map(({ type }) => type)).toEqual(['exited', 'output']);
    expect(order.push(exited(2))).toEqual([]);
  });

  it('finds exit and end when there is no further output', () => {
    const order = new OutputOrder();
    order.push(output(1));
    expect(order.take(answer([], { ...gone, closed: true }))).toEqual([exited(2), closed(3)]);
    expect(order.closed).toBe(true);
  });

  it('waits for the end that is sent anew when only the exit was missed', () => {
    const order = new OutputOrder();
    expect(order.take(answer([], gone))).toEqual([exited(1)]);
    expect(order.push(closed(2))).toEqual([closed(2)]);
  });

  it.each([
    ['between delivered and retained output', answer([3])],
    ['between delivered and retained output of a process that ended', answer([4], gone)],
  ])('says that output is lost %s', (_where, read) => {
    const order = new OutputOrder();
    order.push(output(1));
    expect(() => order.take(read)).toThrow(expect.objectContaining({ code: 'output_lost' }));
  });

  it('says that output is lost between the retained end and what is sent anew', () => {
    const order = new OutputOrder();
    order.push(output(5));
    expect(() => order.take(answer([]))).toThrow(expect.objectContaining({ code: 'output_lost' }));
  });

  it('delivers every event once and in order, wherever the connection is cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.nat(30),
        fc.nat(30),
        fc.integer({ min: 1, max: 5 }),
        (outputs, exitAt, cut, perRead) => {
          const all = historyOf(outputs, Math.min(exitAt, outputs));
          const order = new OutputOrder();
          const seen = all.slice(0, Math.min(cut, all.length)).flatMap((event) => order.push(event));
          // At the cut the executor had made some events that were lost on the way; the rest is sent anew.
          const made = all.slice(0, Math.min(cut + 4, all.length));
          for (;;) {
            const read = readAfter(made, order.lastSeq, perRead);
            seen.push(...order.take(read));
            if (read.chunks.length === 0) break;
          }
          for (const event of all.slice(made.length)) seen.push(...order.push(event));
          expect(seen).toEqual(all);
        },
      ),
    );
  });
});

function historyOf(outputs: number, exitAt: number): ProcessEvent[] {
  const kinds = [...Array(outputs).keys()].map(() => output);
  const before = kinds.slice(0, exitAt);
  const after = kinds.slice(exitAt);
  return [...before, exited, ...after, closed].map((make, index) => make(index + 1));
}

/** As an executor answers `process/read` with `maxBytes`. */
function readAfter(made: ProcessEvent[], afterSeq: number, limit: number): ReadAnswer {
  const outputs = made.filter((event) => event.type === 'output' && event.seq > afterSeq).slice(0, limit);
  const exit = made.some(({ type }) => type === 'exited');
  return answer(seqsOf(outputs), {
    exited: exit,
    exitCode: exit ? 3 : null,
    closed: made.some(({ type }) => type === 'closed'),
  });
}
