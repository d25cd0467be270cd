import type { Entry } from '../logic/palette';
import { actionLabel, actionsOf, stateWords } from '../logic/run';
import type { IconName } from '../parts/icons';
import { newChat } from '../state/actions';
import { app } from '../state/app.svelte';
import { chats } from '../state/chats.svelte';
import { conversation } from '../state/conversation.svelte';
import { models } from '../state/models.svelte';
import { runs } from '../state/runs.svelte';

export interface Command extends Entry {
  icon: IconName;
  run: () => void;
}

/** Everything Ctrl+K can do now; what would do nothing is left out. */
export function commands(): Command[] {
  const open = conversation.view?.summary;
  const list: (Command | false)[] = [
    conversation.answering && {
      id: 'stop',
      label: 'Stop the answer',
      icon: 'stop',
      hint: 'Escape',
      run: () => void conversation.stop(),
    },
    { id: 'new', label: 'New chat', words: 'text begin', icon: 'plus', hint: 'Ctrl N', run: newChat },
    {
      id: 'folder',
      label: 'Open model folder…',
      words: 'load hugging face',
      icon: 'folder',
      run: () => void models.pick('folder'),
    },
    { id: 'file', label: 'Open model file…', words: 'load gguf', icon: 'file', run: () => void models.pick('file') },
    models.opening !== null && {
      id: 'cancel',
      label: 'Cancel opening the model',
      icon: 'close',
      run: () => void models.cancel(),
    },
    {
      id: 'theme',
      label: app.dark ? 'Toggle theme: light' : 'Toggle theme: dark',
      words: 'appearance night day',
      icon: app.dark ? 'sun' : 'moon',
      run: () => app.toggleTheme(),
    },
    {
      id: 'level',
      label: app.settings.advanced ? 'Show simple settings' : 'Show advanced settings',
      words: 'mode knobs',
      icon: 'sliders',
      run: () => void app.set({ advanced: !app.settings.advanced }),
    },
    {
      id: 'sidebar',
      label: 'Fold or unfold the sidebar',
      icon: 'sidebar',
      hint: 'Ctrl B',
      run: () => app.toggleSidebar(),
    },
    app.route.page === 'chat' && {
      id: 'sheet',
      label: 'Chat settings',
      words: 'system prompt temperature sampling template',
      icon: 'sliders',
      hint: 'Ctrl .',
      run: () => (app.sheet = true),
    },
    open !== undefined && {
      id: 'md',
      label: 'Export this chat as Markdown…',
      words: 'save',
      icon: 'export',
      run: () => void chats.export(open, 'markdown'),
    },
    open !== undefined && {
      id: 'json',
      label: 'Export this chat as JSON…',
      words: 'save',
      icon: 'export',
      run: () => void chats.export(open, 'json'),
    },
    open !== undefined && {
      id: 'delete',
      label: 'Delete this chat',
      words: 'remove',
      icon: 'trash',
      run: () => void chats.remove(open),
    },
  ];
  return [...list.filter((command) => command !== false), ...runCommands()];
}

/** What can be done with the runs that are not over. */
function runCommands(): Command[] {
  const icons = { pause: 'pause', go_on: 'play', stop: 'stop' } as const;
  const own = runs.kept.flatMap((run) =>
    actionsOf(run).flatMap((action): Command[] => {
      if (action !== 'pause' && action !== 'go_on' && action !== 'stop') return [];
      const label = `${actionLabel(action, run.standing)}: ${run.name}`;
      return [
        { id: `${action}-${run.id}`, label, words: 'run', icon: icons[action], run: () => runs.act(action, run.id) },
      ];
    }),
  );
  const create: Command = {
    id: 'new-run',
    label: 'New fine-tuning',
    words: 'train run wizard',
    icon: 'fine-tune',
    run: () => app.tune({ view: 'new', samples: false }),
  };
  return [create, ...own];
}

/** The runs, as Ctrl+K lists them. */
export function runPlaces(): Command[] {
  return runs.kept.map((run) => ({
    id: `open-${run.id}`,
    label: `Open run ${run.name}`,
    hint: stateWords[run.standing.state],
    icon: 'fine-tune',
    run: () => app.openRun(run.id),
  }));
}

/** The pages, as Ctrl+K lists them. */
export const places: Command[] = [
  { id: 'page-chat', label: 'Chat', icon: 'chat', run: () => app.go('chat', app.route.chat) },
  { id: 'page-data', label: 'Data', words: 'dataset', icon: 'data', run: () => app.go('data') },
  {
    id: 'page-fine-tune',
    label: 'Fine-tune',
    words: 'train sft dpo',
    icon: 'fine-tune',
    run: () => app.go('fine-tune'),
  },
  { id: 'page-evaluate', label: 'Evaluate', words: 'benchmark', icon: 'evaluate', run: () => app.go('evaluate') },
  { id: 'page-export', label: 'Export', words: 'quantize gguf', icon: 'export', run: () => app.go('export') },
  { id: 'page-models', label: 'Models', icon: 'models', run: () => app.go('models') },
  {
    id: 'page-settings',
    label: 'Settings',
    words: 'machine shortcuts appearance',
    icon: 'settings',
    hint: 'Ctrl ,',
    run: () => app.go('settings'),
  },
];
