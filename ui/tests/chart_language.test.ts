// The drawing library is loaded anew here, in a browser whose system has no language.
import { expect, it, vi } from 'vitest';

import { loadPlot } from '../src/runs/plotting';

it('charts are drawn where the system has no language', async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
  Object.defineProperty(navigator, 'language', { value: 'C', configurable: true });
  // The fault as WebKitGTK has it.
  expect(() => new Intl.NumberFormat(navigator.language)).toThrow(RangeError);
  expect(typeof (await loadPlot())).toBe('function');
  expect(() => new Intl.NumberFormat(navigator.language)).not.toThrow();
});
