import type { Command } from 'commander';

/** One command of the list: enough to show it in the help of the program, and how to load the rest. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly arguments?: string;
  /** What its first argument names, for completion. */
  readonly takes?: 'environment' | 'executor';
  load(): Promise<Command>;
}
