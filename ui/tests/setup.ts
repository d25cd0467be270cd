import { cleanup, configure } from '@testing-library/svelte';
import { afterEach, vi } from 'vitest';

// jsdom has dialogs without their methods, no layout to observe or scroll, and nothing to draw on.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
HTMLDialogElement.prototype.close = function () {
  if (!this.open) return;
  this.open = false;
  this.dispatchEvent(new Event('close'));
};
Element.prototype.scrollIntoView = () => undefined;
HTMLCanvasElement.prototype.getContext = () => null;
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};

// Two slow cores share this with a compiler.
configure({ asyncUtilTimeout: 8000 });

afterEach(cleanup);

// Charts are drawn on a canvas, which is not here; what they are given is kept.
vi.mock('uplot', async () => await import('./plots'));
