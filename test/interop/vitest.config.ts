import { defineConfig } from 'vitest/config';

/** Real peers, one file after the other: each starts whole processes, and a machine may have two cores. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.interop.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
