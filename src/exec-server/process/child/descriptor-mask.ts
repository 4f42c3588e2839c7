import type { StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Standard input, output and error, or a descriptor for one. */
export type ChildDescriptor = 'ignore' | 'pipe' | number;

/**
 * The masters of our terminals. The terminal library makes them inheritable, and Node cannot change that: a child would get the
 * terminals of all other sessions. So each child gets `/dev/null` in their place.
 */
export class DescriptorMask {
  readonly #hidden = new Set<number>();
  #null: number | undefined;

  hide(descriptor: number): void {
    this.#hidden.add(descriptor);
  }

  /** The descriptor is closed; its number may now be anybody's. */
  forget(descriptor: number): void {
    this.#hidden.delete(descriptor);
  }

  /** `stdio` for `spawn`. */
  cover(own: readonly ChildDescriptor[]): StdioOptions {
    const stdio: ChildDescriptor[] = [...own];
    for (const descriptor of this.#hidden) {
      while (stdio.length <= descriptor) stdio.push('ignore');
      this.#null ??= openSync('/dev/null', 'r+');
      stdio[descriptor] = this.#null;
    }
    return stdio;
  }

  close(): void {
    if (this.#null !== undefined) closeSync(this.#null);
    this.#null = undefined;
  }
}
