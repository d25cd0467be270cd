import type { RemedyAction } from '../logic/remedies';
import { app } from './app.svelte';
import { conversation } from './conversation.svelte';
import { models } from './models.svelte';

/** The chat that does not exist yet, ready to type into. */
export function newChat(): void {
  app.go('chat');
  focusComposer();
}

/** The composer and the text input carry this mark; the one on the page is focused after it is drawn. */
export function focusComposer(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-typing]')?.focus());
}

/** Does what a remedy button says. */
export function perform(action: RemedyAction, retry?: () => void): void {
  switch (action) {
    case 'locate':
      void models.pick(models.state.failed?.path.toLowerCase().endsWith('.gguf') ? 'file' : 'folder');
      break;
    case 'open-folder':
      void models.pick('folder');
      break;
    case 'models':
      app.go('models');
      break;
    case 'starter':
      void models.open('starter');
      break;
    case 'template':
      app.sheet = true;
      if (!app.settings.advanced) void app.set({ advanced: true });
      break;
    case 'new-chat':
      newChat();
      break;
    case 'retry':
      if (retry) retry();
      else void conversation.retry();
      break;
  }
}
