import {
  LOG_BLOCK_BYTES,
  LOG_MEMORY_BYTES,
  MAX_CHUNK_BYTES,
  RESUME_RETENTION_BYTES,
  UNSENT_LIMIT_BYTES,
} from '../limits.ts';
import { costOf, decodeEntries, type Entry, type EntryKind, encodeEntries } from './block.ts';
import type { ByteBudget } from './budget.ts';
import { type Slot, SpillFile } from './spill-file.ts';

export interface OutputLogOptions {
  /** Where spill files are made; undefined: nothing is spilled, the memory limits are all there is. */
  spillDirectory: string | undefined;
  spillBudget: ByteBudget;
  memoryBudget: ByteBudget;
  /** The log can take output again after `full` was true. */
  onRoom(): void;
  /** Spilling failed for good; the log goes on with what memory holds. Told once. */
  onSpillFailure(error: unknown): void;
  limits?: OutputLogLimits;
}

/** Bytes, overhead included. Only tests pass their own. */
export interface OutputLogLimits {
  block: number;
  memory: number;
  retention: number;
  unsent: number;
}

const LIMITS: OutputLogLimits = {
  block: LOG_BLOCK_BYTES,
  memory: LOG_MEMORY_BYTES,
  retention: RESUME_RETENTION_BYTES,
  unsent: UNSENT_LIMIT_BYTES,
};

interface Block {
  readonly firstSeq: number;
  /** The `end` of the entry before the first. */
  readonly start: number;
  count: number;
  cost: number;
  /** While in memory. */
  entries: Entry[] | undefined;
  /** Once in the spill file. */
  slot: Slot | undefined;
  released: boolean;
}

/**
 * All that one process said, in order, numbered from 1 without gaps (our-side §6, contract §9.3): the queue of the attached
 * connection and what a resumed one reads again. The newest output is in memory, older in an unlinked file; what was sent is
 * kept for `retention` more bytes, what was not is kept until `unsent`, and then `full` says to stop reading the child.
 */
export class OutputLog {
  readonly #options: OutputLogOptions;
  readonly #limits: OutputLogLimits;
  /** Oldest first, never empty; the last one takes what is appended. */
  readonly #blocks: Block[] = [newBlock(1, 0)];
  #nextSeq = 1;
  #sentSeq = 0;
  #memory = 0;
  /** The `end` of the newest entry, and of the newest that was sent. */
  #end = 0;
  #sentEnd = 0;
  #retained = 0;
  #spill: SpillFile | undefined;
  #spilling = false;
  #spillFailed: boolean;
  #wasFull = false;
  #closed = false;
  #loaded: { block: Block; entries: Entry[] } | undefined;
  readonly #retry = () => this.#settle();

  constructor(options: OutputLogOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
    this.#spillFailed = options.spillDirectory === undefined;
  }

  /** The number that the next entry gets. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** The oldest entry that can still be read. */
  get firstSeq(): number {
    return this.#blocks[0]?.firstSeq ?? this.#nextSeq;
  }

  /** The newest entry that was sent to a connection. */
  get sentSeq(): number {
    return this.#sentSeq;
  }

  /** Stop reading the child until `onRoom`. Entries are taken nevertheless: an exit is never refused. */
  get full(): boolean {
    return (
      !this.#closed && (this.#end - this.#sentEnd >= this.#limits.unsent || this.#memory >= 2 * this.#memoryLimit())
    );
  }

  /** Bytes that stay readable, overhead included: those of the newest `firstSeq` on. */
  get retained(): number {
    return this.#retained;
  }

  /** Appends one entry, output longer than `MAX_CHUNK_BYTES` as several. */
  append(kind: EntryKind, bytes: Buffer): void {
    if (this.#closed) return;
    let at = 0;
    do {
      this.#add(kind, bytes.subarray(at, at + MAX_CHUNK_BYTES));
      at += MAX_CHUNK_BYTES;
    } while (at < bytes.length);
    this.#settle();
  }

  /**
   * The entry `seq`, or the oldest one when `seq` is no longer there; undefined when there is none yet. A promise when it must be
   * read from the file: rejected when that fails.
   */
  at(seq: number): Entry | undefined | Promise<Entry | undefined> {
    if (this.#closed || seq >= this.#nextSeq) return undefined;
    const wanted = Math.max(seq, this.firstSeq);
    const block = this.#blockOf(wanted);
    const entries = block.entries ?? (this.#loaded?.block === block ? this.#loaded.entries : undefined);
    return entries ? entries[wanted - block.firstSeq] : this.#load(block).then(() => this.at(seq));
  }

  /** Everything up to this entry went to a connection; what lies far enough behind is released. */
  markSent({ seq, end }: Entry): void {
    if (seq <= this.#sentSeq) return;
    this.#sentSeq = seq;
    this.#sentEnd = end;
    this.#settle();
  }

  /** Forgets everything. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.memoryBudget.give(this.#memory);
    this.#options.spillBudget.forget(this.#retry);
    this.#memory = 0;
    this.#blocks.splice(0, this.#blocks.length, newBlock(this.#nextSeq, this.#end));
    this.#loaded = undefined;
    // A write under way ends first and then closes the file itself.
    if (!this.#spilling) this.#closeSpill();
  }

  #add(kind: EntryKind, bytes: Buffer): void {
    const cost = costOf(bytes.length);
    let block = this.#last();
    if (block.count > 0 && block.cost + cost > this.#limits.block) {
      block = newBlock(this.#nextSeq, this.#end);
      this.#blocks.push(block);
    }
    this.#end += cost;
    block.entries?.push({ seq: this.#nextSeq++, kind, bytes, end: this.#end });
    block.count++;
    block.cost += cost;
    this.#memory += cost;
    this.#retained += cost;
    this.#options.memoryBudget.charge(cost);
  }

  #last(): Block {
    const last = this.#blocks.at(-1);
    if (!last) throw new Error('an output log has at least one block');
    return last;
  }

  #blockOf(seq: number): Block {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#blocks[middle]?.firstSeq ?? Number.POSITIVE_INFINITY) <= seq) low = middle;
      else high = middle - 1;
    }
    return this.#blocks[low] ?? this.#last();
  }

  async #load(block: Block): Promise<void> {
    if (!this.#spill || !block.slot) throw new Error('the output is neither in memory nor in the spill file');
    const bytes = await this.#spill.read(block.slot);
    // Released meanwhile: the slot may have been written again.
    if (!block.released && !this.#closed)
      this.#loaded = { block, entries: decodeEntries(bytes, block.firstSeq, block.start) };
  }

  /** After each change: releases, spills, and tells when there is room again. */
  #settle(): void {
    if (this.#closed) return;
    while (this.#blocks.length > 1 && this.#releasable(this.#blocks[0], this.#limits.retention)) this.#release();
    void this.#spillOldest();
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.#closed) return;
    const { full } = this;
    if (this.#wasFull && !full) queueMicrotask(() => this.#options.onRoom());
    this.#wasFull = full;
  }

  #releasable(block: Block | undefined, retention: number): boolean {
    if (!block || block.firstSeq + block.count - 1 > this.#sentSeq) return false;
    return this.#sentEnd - (block.start + block.cost) >= retention;
  }

  #release(): void {
    const block = this.#blocks.shift();
    if (!block) return;
    block.released = true;
    this.#retained -= block.cost;
    if (block.entries) this.#forgetMemory(block);
    else if (block.slot) this.#spill?.release(block.slot);
    if (this.#loaded?.block === block) this.#loaded = undefined;
  }

  #forgetMemory(block: Block): void {
    block.entries = undefined;
    this.#memory -= block.cost;
    this.#options.memoryBudget.give(block.cost);
  }

  #memoryLimit(): number {
    return this.#options.memoryBudget.exceeded ? this.#limits.block : this.#limits.memory;
  }

  /** The oldest sealed block in memory. */
  #spillable(): Block | undefined {
    const index = this.#blocks.findIndex(({ entries }) => entries !== undefined);
    return index < this.#blocks.length - 1 ? this.#blocks[index] : undefined;
  }

  async #spillOldest(): Promise<void> {
    if (this.#spilling) return;
    this.#spilling = true;
    while (!this.#closed && this.#memory > this.#memoryLimit()) {
      const block = this.#spillable();
      if (!block) break;
      const spilled = !this.#spillFailed && (await this.#write(block));
      // No room in the file: retention shrinks before a child is stopped. Only from the oldest on, so that no gap appears.
      if (!spilled && !this.#dropOldest()) break;
      this.#tellRoom();
    }
    this.#spilling = false;
    if (this.#closed) this.#closeSpill();
  }

  #dropOldest(): boolean {
    if (!this.#releasable(this.#blocks[0], 0) || this.#blocks.length === 1) return false;
    this.#release();
    return true;
  }

  async #write(block: Block): Promise<boolean> {
    const parts = encodeEntries(block.entries ?? []);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const slot = await this.#reserve(length);
    if (!slot || !this.#spill) return false;
    try {
      await this.#spill.write(slot, parts);
    } catch (error) {
      this.#failSpill(error);
      return false;
    }
    if (block.released || this.#closed) {
      this.#spill.release(slot);
      return true;
    }
    block.slot = slot;
    this.#forgetMemory(block);
    return true;
  }

  async #reserve(length: number): Promise<Slot | undefined> {
    if (!this.#spill && this.#options.spillDirectory !== undefined) {
      try {
        this.#spill = await SpillFile.create(this.#options.spillDirectory, this.#options.spillBudget);
      } catch (error) {
        this.#failSpill(error);
      }
    }
    const slot = this.#spill?.reserve(length);
    if (!slot && !this.#spillFailed) this.#options.spillBudget.whenGiven(this.#retry);
    return slot;
  }

  #failSpill(error: unknown): void {
    if (this.#spillFailed) return;
    this.#spillFailed = true;
    this.#options.onSpillFailure(error);
  }

  #closeSpill(): void {
    const spill = this.#spill;
    this.#spill = undefined;
    // Closing an unlinked file that nobody reads any more: a failure changes nothing.
    spill?.close().catch(() => undefined);
  }
}

function newBlock(firstSeq: number, start: number): Block {
  return { firstSeq, start, count: 0, cost: 0, entries: [], slot: undefined, released: false };
}
