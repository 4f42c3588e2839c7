import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_BLOCK_BYTES } from '../limits.ts';
import type { ByteBudget } from './budget.ts';

/** Where a block lies. */
export interface Slot {
  readonly index: number;
  readonly length: number;
}

/**
 * The unlinked file of one output log: slots of one block each, reused lowest first, so that a log of any volume whose reader
 * keeps up stays as large as what it retains. No name, no trace: it is gone with the process, however that ends.
 */
export class SpillFile {
  readonly #handle: FileHandle;
  readonly #budget: ByteBudget;
  readonly #used: boolean[] = [];
  /** A write must not overtake a truncation: it would be cut off again. */
  #truncated: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle, budget: ByteBudget) {
    this.#handle = handle;
    this.#budget = budget;
  }

  static async create(directory: string, budget: ByteBudget): Promise<SpillFile> {
    const path = join(directory, `spill-${randomUUID()}`);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    await unlink(path);
    return new SpillFile(handle, budget);
  }

  /** Undefined when all spill files together are at their limit. */
  reserve(length: number): Slot | undefined {
    const free = this.#used.indexOf(false);
    if (free < 0 && !this.#budget.take(LOG_BLOCK_BYTES)) return undefined;
    const index = free < 0 ? this.#used.length : free;
    this.#used[index] = true;
    return { index, length };
  }

  async write(slot: Slot, parts: readonly Buffer[]): Promise<void> {
    await this.#truncated;
    const { bytesWritten } = await this.#handle.writev(parts, slot.index * LOG_BLOCK_BYTES);
    if (bytesWritten !== slot.length) throw new Error('the spill file took only a part of a block');
  }

  async read(slot: Slot): Promise<Buffer> {
    const block = Buffer.allocUnsafe(slot.length);
    const { bytesRead } = await this.#handle.read(block, 0, slot.length, slot.index * LOG_BLOCK_BYTES);
    if (bytesRead !== slot.length) throw new Error('the spill file is shorter than what was written to it');
    return block;
  }

  /** The file shrinks when its end is free; its budget with it. */
  release(slot: Slot): void {
    this.#used[slot.index] = false;
    const keep = this.#used.lastIndexOf(true) + 1;
    const spare = this.#used.length - keep;
    // Half at a time: a log whose reader keeps up takes and gives one slot after the other.
    if (spare === 0 || spare < this.#used.length / 2) return;
    this.#used.length = keep;
    // What fails to shrink stays allocated until the log is closed; the bytes are no longer needed either way.
    this.#truncated = this.#truncated.then(() => this.#handle.truncate(keep * LOG_BLOCK_BYTES)).catch(() => undefined);
    this.#budget.give(spare * LOG_BLOCK_BYTES);
  }

  async close(): Promise<void> {
    this.#budget.give(this.#used.length * LOG_BLOCK_BYTES);
    this.#used.length = 0;
    await this.#truncated;
    await this.#handle.close();
  }
}
