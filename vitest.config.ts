import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'packaging/*.test.ts',
      'bench/**/*.test.ts',
      'test/docs/*.test.ts',
      'test/data-plane/*.test.ts',
      'test/cluster/*.test.ts',
      'test/e2e/**/*.test.ts',
      'test/manifests/*.test.ts',
      'test/scale/**/*.test.ts',
      'test/previous/*.test.ts',
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
  },
});
