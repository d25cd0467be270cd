// Fails when the JavaScript the page needs before it can be used is larger than the budget, compressed.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 250 * 1000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** The entry and everything it imports without asking (dynamic imports come later, so they do not count). */
function eager(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    for (const next of manifest[key].imports ?? []) eager(next, seen);
  }
  return seen;
}

let total = 0;
for (const key of eager('index.html')) {
  const { file } = manifest[key];
  const bytes = gzipSync(readFileSync(new URL(file, dist))).length;
  total += bytes;
  console.log(`${(bytes / 1000).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(`${(total / 1000).toFixed(1).padStart(8)} KB  of ${BUDGET_BYTES / 1000} KB, gzipped`);
if (total > BUDGET_BYTES) {
  console.error('The page is over its budget.');
  process.exit(1);
}
