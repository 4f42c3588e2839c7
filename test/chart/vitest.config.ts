import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/chart/*.chart.ts'], testTimeout: 60_000, passWithNoTests: false },
});
