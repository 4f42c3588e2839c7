import { defineConfig } from 'vitest/config';

/** Against a real cluster, one file after the other: a cluster on two cores answers slowly when asked by many. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.e2e.ts'],
    globalSetup: ['./global-setup.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
  },
});
