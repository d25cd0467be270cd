import type { Message } from '../types';
import { answerTo } from './answers';
import { fail, type Chat, type Core } from './core';
import { failedEntries, loaded, onDisk, entry } from './models';
import { runScenes } from './runscenes';

function history(core: Core): void {
  const titles = [
    'Sorting a list in Rust',
    'Names for a small cat',
    'What is perplexity?',
    'A letter to the landlord',
    'DPO or ORPO?',
    'Weekend in Lisbon',
  ];
  for (const [at, title] of titles.entries()) {
    const chat = core.create('chat', null, title);
    core.add(chat, null, 'user', title);
    core.add(chat, chat.tip, 'assistant', answerTo(title), { stats: core.stats() });
    const ago = [2, 5, 26, 30, 24 * 4, 24 * 20][titles.length - 1 - at] ?? 1;
    chat.summary.updated_at = new Date(Date.now() - ago * 3_600_000).toISOString();
    chat.summary.pinned = at === 2;
  }
}

function ask(core: Core, question: string, change: Partial<Message> = {}): Chat {
  const chat = core.create('chat', null, question);
  core.add(chat, null, 'user', question);
  core.add(chat, chat.tip, 'assistant', answerTo(question), { stats: core.stats(), ...change });
  return chat;
}

const longQuestion = 'What is the difference between SFT and DPO?';

const scenes: Record<string, (core: Core) => void> = {
  ...runScenes,
  empty: () => undefined,
  chat: (core) => {
    const chat = ask(core, 'Hello! What can you do?');
    const parent = core.add(chat, chat.tip, 'user', 'Show me markdown with a table and some code, please.').id;
    core.add(chat, parent, 'assistant', 'I can do that.', { stats: core.stats() });
    core.add(chat, parent, 'assistant', answerTo('markdown'), {
      stats: core.stats({ tokens_per_s: 38.4, new_tokens: 262 }),
    });
  },
  stopped: (core) => void ask(core, longQuestion, { standing: { state: 'stopped' } }),
  cut: (core) => void ask(core, longQuestion, { standing: { state: 'cut_at_length' } }),
  interrupted: (core) => void ask(core, longQuestion, { standing: { state: 'interrupted' }, stats: null }),
  failed: (core) =>
    void ask(core, longQuestion, {
      standing: {
        state: 'failed',
        error: fail(
          'generation_failed',
          'The model produced numbers that are not numbers after 31 tokens.',
          'Try again, or check the model on the Models page.',
        ),
      },
    }),
  reading: (core) => {
    const chat = ask(core, longQuestion, { content: '', standing: { state: 'writing' }, stats: null });
    chat.progress = { phase: 'reading', done_tokens: 1344, total_tokens: 3920, seconds_left: 8.4 };
  },
  waiting: (core) => {
    const chat = ask(core, longQuestion, { content: '', standing: { state: 'writing' }, stats: null });
    chat.progress = { phase: 'waiting' };
  },
  writing: (core) => {
    const chat = ask(core, longQuestion, {
      content: 'SFT teaches the model by showing it good answers. DPO',
      standing: { state: 'writing' },
      stats: null,
    });
    chat.progress = { phase: 'writing', new_tokens: 14, tokens_per_s: 41.7, first_token_ms: 182 };
  },
  nearly: (core) => void ask(core, 'Tell me a long story', { content: answerTo('long').slice(0, 3500) }),
  full: (core) => {
    const chat = ask(core, 'Tell me a long story');
    chat.unseen = 6;
  },
  opening: (core) => {
    ask(core, 'Hello! What can you do?');
    const path = '/home/ada/models/TinyLlama-1.1B-Chat';
    core.models.push(entry(onDisk[path]!, {}));
    core.state.opening = {
      path,
      name: 'TinyLlama-1.1B-Chat',
      stage: 'loading',
      done_bytes: 924_000_000,
      total_bytes: 2_200_119_864,
      seconds_left: 6.2,
    };
  },
  toobig: (core) => {
    ask(core, 'Hello! What can you do?');
    core.state.failed = {
      path: '/home/ada/models/llama-70b.gguf',
      error: fail(
        'model_too_large',
        'llama-70b needs 43 GB of memory; 24 GB are free.',
        'Close other programs, or open a smaller model.',
      ),
    };
  },
  gone: (core) => {
    ask(core, 'Hello! What can you do?');
    core.state.loaded = null;
    core.state.failed = {
      path: '/media/usb/mistral-7b.gguf',
      error: fail(
        'model_not_found',
        'The model file /media/usb/mistral-7b.gguf is not there any more.',
        'Plug the disk in again, or locate the file.',
      ),
    };
  },
  nomodel: (core) => {
    ask(core, 'Hello! What can you do?');
    core.state.loaded = null;
  },
  base: (core) => {
    core.state.loaded = loaded(onDisk['/home/ada/models/stories260k']!);
  },
  text: (core) => {
    scenes.base?.(core);
    const chat = core.create('text', null, 'Once upon a time');
    core.add(chat, null, 'user', 'Once upon a time');
    core.add(chat, chat.tip, 'assistant', ', a cat sat down.', { stats: core.stats() });
    core.add(
      chat,
      chat.nodes.values().next().value?.id ?? null,
      'assistant',
      ', there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.',
      { stats: core.stats({ tokens_per_s: 2140, new_tokens: 31 }) },
    );
    core.add(chat, chat.tip, 'user', '\n\nThe ball rolled away, and');
    core.add(
      chat,
      chat.tip,
      'assistant',
      ' she ran after it. It was too fast.\nLily\'s mom said, "Lily, let\'s go home."',
      { stats: core.stats({ tokens_per_s: 2140, new_tokens: 24 }) },
    );
  },
  fulltext: (core) => {
    scenes.text?.(core);
    for (const chat of core.chats.values()) if (chat.summary.kind === 'text') chat.unseenTokens = 1307;
  },
  long: (core) => {
    const chat = core.create('chat', null, 'Two thousand messages');
    for (let n = 0; n < 1000; n += 1) {
      core.add(chat, chat.tip, 'user', `Question ${n + 1}: what is ${n} + ${n % 7}?`, { siblings: [] });
      core.add(chat, chat.tip, 'assistant', n % 9 ? `${n} + ${n % 7} = **${n + (n % 7)}**.` : answerTo('markdown'), {
        stats: core.stats(),
      });
    }
  },
  models: (core) => {
    for (const [path, found] of Object.entries(onDisk)) if (path !== 'starter') core.models.push(entry(found));
    core.models.push(...failedEntries);
  },
};

/** Puts the stand-in into a named state; an unknown name is a first start with some older chats. */
export function scene(core: Core, name: string): void {
  if (name !== 'empty' && name !== 'long') history(core);
  scenes[name]?.(core);
}
