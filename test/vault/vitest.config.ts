import { defineConfig } from 'vitest/config';

/** A real OpenBao, one for each file; a machine may have two cores. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.vault.ts'],
    fileParallelism: false,
    // Of tests that may run at the same time: each of them mostly waits.
    maxConcurrency: 10,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
});
