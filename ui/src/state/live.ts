import { onDrop, subscribe, type NumberedEvent } from '../backend';
import { EventLog } from '../logic/events';
import { droppedModel } from '../logic/dropped';
import { app } from './app.svelte';
import { chats } from './chats.svelte';
import { conversation } from './conversation.svelte';
import { log } from './log';
import { models } from './models.svelte';
import { runPage } from './run.svelte';
import { runs } from './runs.svelte';
import { toasts } from './toasts.svelte';
import { takeDrop } from './wizard.svelte';

/** Everything that events would have told, asked for anew. */
async function reload(): Promise<void> {
  await Promise.all([models.load(), chats.load(), conversation.reload(), runs.load(), runPage.reload()]);
}

export function receive(numbered: NumberedEvent, into: EventLog = log): void {
  const arrival = into.take(numbered);
  if (arrival === 'seen') return;
  if (arrival === 'gap') void reload();
  const { event } = numbered;
  switch (event.type) {
    case 'model': {
      const before = models.loaded?.path;
      models.state = event.state;
      // Another model sees another length of the chat.
      if (models.loaded?.path !== before) void conversation.reload();
      break;
    }
    case 'models_changed':
      void models.load();
      break;
    case 'chats_changed':
      void chats.load();
      break;
    case 'answer_progress':
    case 'answer_ended':
      conversation.receive(numbered);
      break;
    case 'run':
      runs.receive(event.summary, numbered.seq);
      runPage.receive(event.summary.id);
      break;
    case 'runs_changed':
      void runs.load();
      runPage.changed();
      break;
    case 'closed_with_run':
      runs.closing = true;
      break;
    case 'open_path':
      if (takeDrop([event.path])) break;
      app.go('models');
      void models.open(event.path);
      break;
    case 'resync':
      break;
  }
}

/** Connects the page to the core. */
export async function connect(): Promise<void> {
  await subscribe(null, receive);
  await onDrop((drop) => {
    app.dragging = drop.phase === 'over';
    if (drop.phase !== 'dropped') return;
    if (takeDrop(drop.paths)) return;
    const model = droppedModel(drop.paths);
    if (model.path === null) {
      toasts.say(model.why);
      return;
    }
    if (app.route.page !== 'chat') app.go('models');
    void models.open(model.path);
  });
  await Promise.all([app.load(), models.load(), chats.load(), runs.load()]);
  runs.announceInterrupted();
}
