import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['harness/before_all.ts'],
    // One screen, one keyboard, one instance of the program: one test at a time.
    fileParallelism: false,
    maxWorkers: 1,
    minWorkers: 1,
    testTimeout: 150_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
});
