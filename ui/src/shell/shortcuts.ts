import { newChat } from '../state/actions';
import { app } from '../state/app.svelte';
import { conversation } from '../state/conversation.svelte';

/** Every shortcut of the window, as Settings lists them. */
export const shortcuts: { keys: string[]; does: string }[] = [
  { keys: ['Ctrl', 'K'], does: 'Search everything and run a command' },
  { keys: ['Ctrl', 'N'], does: 'New chat' },
  { keys: ['Ctrl', 'B'], does: 'Fold or unfold the sidebar' },
  { keys: ['Ctrl', '.'], does: 'Show or hide the chat settings' },
  { keys: ['Ctrl', ','], does: 'Settings' },
  { keys: ['Enter'], does: 'Send' },
  { keys: ['Shift', 'Enter'], does: 'New line' },
  { keys: ['Escape'], does: 'Stop the answer under way' },
  { keys: ['↑'], does: 'In an empty message: edit the last message you sent' },
  { keys: ['F2'], does: 'On a chat in the sidebar: rename it' },
  { keys: ['Delete'], does: 'On a chat in the sidebar: delete it (can be undone)' },
];

/** Keys that work wherever the focus is. */
export function shortcut(event: KeyboardEvent): void {
  if (event.key === 'Escape') {
    // A dialog, a menu or an edit under way takes Escape first.
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if (app.route.page === 'chat' && conversation.answering) {
      event.preventDefault();
      void conversation.stop();
    }
    return;
  }
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  const act: Record<string, () => void> = {
    k: () => (app.palette = !app.palette),
    b: () => app.toggleSidebar(),
    n: newChat,
    '.': () => (app.sheet = !app.sheet),
    ',': () => app.go('settings'),
  };
  const found = act[event.key.toLowerCase()];
  if (!found || (document.querySelector('dialog[open]') && event.key.toLowerCase() !== 'k')) return;
  event.preventDefault();
  found();
}
