import { defineConfig } from 'vitest/config';

/** The product as many processes that die, one file after the other: each needs what two cores can do. Needs root, for network namespaces. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.scale.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
});
