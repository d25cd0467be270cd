import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  clearScreen: false,
  server: { port: 1420, strictPort: true },
  preview: { port: 1421, strictPort: true },
  // Comes with the first chart; found only then, it would reload the page and forget the stand-in's run.
  optimizeDeps: { include: ['uplot'] },
  build: {
    // The oldest web view that Tauri 2 runs on: WebKitGTK 2.40, WebView2, Safari 16.4.
    target: ['es2022', 'safari16.4', 'chrome111'],
    // The page is read from inside the program: a preload polyfill has nothing to gain.
    modulePreload: { polyfill: false },
    manifest: true,
    assetsInlineLimit: 0,
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 20_000,
  },
});
