import type { Backend, CommandName, Request, Response } from '../index';
import type { ChatSummary } from '../types';
import { fail, type Chat, type Core } from './core';
import { kernels } from './kernels';
import { entry, loaded, onDisk } from './models';
import { runCommands } from './runcommands';
import { wizardCommands } from './wizard';
import { write } from './writing';

type Handlers = { [K in CommandName]: (request: Request<K>) => Response<K> | Promise<Response<K>> };

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

export function commands(core: Core): Backend['call'] {
  let cancelled = false;

  function answering(chat: Chat, more = false) {
    if (!core.state.loaded)
      throw fail('no_model_loaded', 'No model is loaded to answer with.', 'Open the starter model or one of your own.');
    if (chat.summary.kind === 'chat' && core.state.loaded.kind === 'base' && chat.settings.template === 'model')
      throw fail(
        'no_chat_template',
        `${core.state.loaded.name} is a base model: it continues text and has no chat template.`,
        'Continue a text instead, or choose a template in the chat settings.',
      );
    chat.progress = { phase: 'waiting' };
    void write(core, chat, more);
    return core.view(chat);
  }

  async function open(path: string) {
    const found = onDisk[path];
    const name = path.split('/').at(-1) ?? path;
    if (!found) {
      const error = fail('model_not_found', `There is no model at ${path}.`, 'Locate the file or folder.');
      core.setModel({ failed: { path, error } });
      return;
    }
    cancelled = false;
    core.setModel({ failed: null });
    const total_bytes = found.file_bytes;
    for (const stage of ['reading', 'loading', 'checking'] as const) {
      for (let step = stage === 'loading' ? 0 : 9; step < 10; step += 1) {
        if (cancelled) return core.setModel({ opening: null });
        const done_bytes = stage === 'reading' ? 0 : stage === 'loading' ? (total_bytes * step) / 10 : total_bytes;
        const seconds_left = stage === 'loading' ? (10 - step) * 0.2 : null;
        core.setModel({ opening: { path, name, stage, done_bytes, total_bytes, seconds_left } });
        await wait(core.pace * 6);
      }
    }
    const known = core.models.find((model) => model.path === path);
    if (!known) core.models.push(entry(found));
    core.models = core.models.map((model) => {
      if (model.path === path)
        return { ...model, standing: { state: 'loaded' }, inspection: found, last_opened: core.now() };
      return model.standing.state === 'loaded' ? { ...model, standing: { state: 'on_disk' } } : model;
    });
    core.setModel({ opening: null, loaded: loaded(found) });
    core.emit({ type: 'models_changed' });
  }

  function changed(chat: Chat): ChatSummary {
    core.emit({ type: 'chats_changed' });
    return structuredClone(chat.summary);
  }

  const handlers: Handlers = {
    ...runCommands(core),
    ...wizardCommands(core),

    app_info: () => ({ version: '0.1.0', library_folder: '/home/ada/.local/share/neuralchat', platform: 'linux' }),
    machine_info: async () => {
      await wait(core.pace * 12);
      return {
        processor: 'Intel Xeon Platinum 8488C',
        logical_processors: 8,
        instruction_sets: ['amx-int8', 'amx-bf16', 'avx512-bf16', 'avx512', 'avx2'],
        ...kernels(core.settings.kernels, core.kernelsVariable),
        memory_total_bytes: 33_280_000_000,
        memory_available_bytes: 24_100_000_000,
        memory_read_gb_per_s: 41.3,
      };
    },
    settings_get: () => structuredClone(core.settings),
    settings_set: (settings) => structuredClone((core.settings = structuredClone(settings))),

    models_list: () => structuredClone({ models: core.models, state: core.state }),
    model_pick: ({ kind }) => ({ path: core.pick?.[kind] ?? null }),
    model_inspect: ({ path }) => {
      const found = onDisk[path] ?? core.models.find((model) => model.path === path)?.inspection;
      if (!found) throw fail('model_not_found', `There is no model at ${path}.`, 'Locate the file or folder.');
      return structuredClone(found);
    },
    model_open: ({ path }) => {
      void open(path);
      return {};
    },
    model_cancel_opening: () => {
      cancelled = true;
      return {};
    },
    model_forget: ({ path }) => {
      core.models = core.models.filter((model) => model.path !== path);
      core.emit({ type: 'models_changed' });
      return {};
    },
    model_check: async () => {
      await wait(core.pace * 40);
      const text = ' there was a little girl named Lily. She loved to play outside in the park.';
      return {
        prompt: 'Once upon a time',
        ours: text,
        independent: text,
        tokens: 32,
        largest_logit_difference: 3.1e-6,
        agree: true,
      };
    },

    chats_list: ({ search }) => {
      const words = search.trim().toLowerCase();
      const all = [...core.chats.values()].filter((chat) => !chat.deleted);
      const found = all.flatMap((chat) => {
        if (words === '') return [chat.summary];
        const hit = [...chat.nodes.values()].find(({ content }) => content.toLowerCase().includes(words));
        if (!hit && !chat.summary.title.toLowerCase().includes(words)) return [];
        const at = hit ? hit.content.toLowerCase().indexOf(words) : 0;
        const excerpt = hit ? `…${hit.content.slice(Math.max(0, at - 20), at + 60)}…` : '';
        return [{ ...chat.summary, excerpt }];
      });
      return structuredClone(
        found.sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updated_at.localeCompare(a.updated_at)),
      );
    },
    chat_create: ({ kind, settings }) =>
      core.view(core.create(kind, settings, kind === 'text' ? 'New text' : 'New chat')),
    chat_get: ({ chat_id }) => core.view(core.find(chat_id)),
    chat_rename: ({ chat_id, title }) => {
      const chat = core.find(chat_id);
      chat.summary.title = title;
      return changed(chat);
    },
    chat_pin: ({ chat_id, pinned }) => {
      const chat = core.find(chat_id);
      chat.summary.pinned = pinned;
      return changed(chat);
    },
    chat_delete: ({ chat_id }) => {
      core.find(chat_id).deleted = true;
      core.emit({ type: 'chats_changed' });
      return {};
    },
    chat_restore: ({ chat_id }) => {
      const chat = core.chats.get(chat_id);
      if (!chat) throw fail('not_found', 'This chat is not there any more.', 'Choose another one.');
      chat.deleted = false;
      return changed(chat);
    },
    chat_configure: ({ chat_id, settings }) => {
      const chat = core.find(chat_id);
      chat.settings = structuredClone(settings);
      return core.view(chat);
    },
    chat_select: ({ chat_id, message_id }) => {
      const chat = core.find(chat_id);
      core.select(chat, message_id);
      return core.view(chat);
    },
    chat_fork: ({ chat_id, message_id }) => {
      const from = core.find(chat_id);
      core.select(from, message_id);
      const path = core.path(from);
      const fork = core.create(from.summary.kind, from.settings, `${from.summary.title} (fork)`);
      for (const message of path.slice(0, path.findIndex(({ id }) => id === message_id) + 1))
        core.add(fork, fork.tip, message.role, message.content, {
          stats: message.stats,
          model_name: message.model_name,
        });
      return core.view(fork);
    },
    chat_export: ({ chat_id, format }) => ({
      path: `/home/ada/${core.find(chat_id).summary.title}.${format === 'json' ? 'json' : 'md'}`,
    }),
    chat_text: ({ chat_id, format }) => ({
      file_name: `chat.${format === 'json' ? 'json' : 'md'}`,
      text: core
        .path(core.find(chat_id))
        .map(({ content }) => content)
        .join('\n\n'),
    }),

    chat_send: ({ chat_id, content }) => {
      const chat = core.find(chat_id);
      if (chat.nodes.size === 0) chat.summary.title = content.trim().slice(0, 48) || chat.summary.title;
      if (content !== '' || chat.summary.kind === 'chat') core.add(chat, chat.tip, 'user', content);
      core.add(chat, chat.tip, 'assistant', '', { standing: { state: 'writing' } });
      core.emit({ type: 'chats_changed' });
      return answering(chat);
    },
    chat_regenerate: ({ chat_id, message_id }) => {
      const chat = core.find(chat_id);
      const parent = chat.nodes.get(message_id)?.parent ?? null;
      core.add(chat, parent, 'assistant', '', { standing: { state: 'writing' } });
      return answering(chat);
    },
    chat_continue: ({ chat_id }) => answering(core.find(chat_id), true),
    chat_edit: ({ chat_id, message_id, content }) => {
      const chat = core.find(chat_id);
      const old = chat.nodes.get(message_id);
      if (!old) throw fail('not_found', 'This message is not there any more.', 'Open the chat again.');
      core.add(chat, old.parent, old.role, content);
      if (old.role === 'assistant') return core.view(chat);
      core.add(chat, chat.tip, 'assistant', '', { standing: { state: 'writing' } });
      return answering(chat);
    },
    chat_stop: ({ chat_id }) => {
      core.stopping.add(chat_id);
      return core.view(core.find(chat_id));
    },
  };

  return async (name, request) => {
    await wait(0);
    return await handlers[name](request);
  };
}
