// The stand-in's memory: a tree of messages per chat, one path of it shown, numbered events.
import type {
  AnswerStats,
  ApiError,
  AppEvent,
  ChatSettings,
  KernelPath,
  ChatSummary,
  ChatView,
  ErrorCode,
  Message,
  ModelEntry,
  ModelState,
  NumberedEvent,
  Progress,
  Settings,
} from '../types';
import { entry, loaded, onDisk } from './models';
import { MockRuns } from './runs';

export interface Chat {
  summary: ChatSummary;
  settings: ChatSettings;
  nodes: Map<number, Message>;
  /** The last message of the path shown. */
  tip: number | null;
  progress: Progress | null;
  unseen: number;
  unseenTokens: number;
  deleted: boolean;
}

export function fail(code: ErrorCode, message: string, remedy: string): ApiError {
  return { code, message, remedy };
}

export const defaults: ChatSettings = { system_prompt: '', template: 'model', sampling: null };

export const tokens = (text: string) => Math.ceil(text.length / 4);

export class Core {
  settings: Settings = { theme: 'system', advanced: false, sidebar_collapsed: false, kernels: null };
  chats = new Map<number, Chat>();
  models: ModelEntry[] = [];
  /** What NEURALCHAT_KERNELS names. */
  kernelsVariable: KernelPath | null = null;
  state: ModelState = { loaded: null, opening: null, failed: null };
  seq = 0;
  /** Milliseconds between two pieces of an answer. */
  pace = 24;
  /** What the native dialog gives; null is a person who cancels. */
  pick: { folder: string; file: string } | null = {
    folder: '/home/ada/models/stories260k',
    file: '/home/ada/models/TinyLlama-1.1B-Chat',
  };
  /** Chats whose answer is to stop. */
  stopping = new Set<number>();
  readonly runs = new MockRuns(this);
  #nextChat = 1;
  #nextMessage = 1;
  #listeners: ((event: NumberedEvent) => void)[] = [];
  #clock = Date.now();

  constructor() {
    const starter = onDisk.starter;
    if (!starter) return;
    this.state.loaded = loaded(starter);
    this.models = [entry(starter, { standing: { state: 'loaded' } })];
  }

  now(): string {
    this.#clock = Math.max(this.#clock + 1, Date.now());
    return new Date(this.#clock).toISOString();
  }

  listen(listener: (event: NumberedEvent) => void): void {
    this.#listeners.push(listener);
  }

  emit(event: AppEvent): void {
    this.seq += 1;
    const numbered = structuredClone({ seq: this.seq, event });
    for (const listener of this.#listeners) listener(numbered);
  }

  setModel(change: Partial<ModelState>): void {
    this.state = { ...this.state, ...change };
    this.emit({ type: 'model', state: this.state });
  }

  create(kind: ChatSummary['kind'], settings: ChatSettings | null, title = 'New chat'): Chat {
    const id = this.#nextChat++;
    const chat: Chat = {
      summary: { id, title, kind, pinned: false, updated_at: this.now(), excerpt: '' },
      settings: structuredClone(settings ?? defaults),
      nodes: new Map(),
      tip: null,
      progress: null,
      unseen: 0,
      unseenTokens: 0,
      deleted: false,
    };
    this.chats.set(id, chat);
    this.emit({ type: 'chats_changed' });
    return chat;
  }

  find(id: number): Chat {
    const chat = this.chats.get(id);
    if (!chat || chat.deleted) throw fail('not_found', 'This chat is not there any more.', 'Choose another one.');
    return chat;
  }

  add(
    chat: Chat,
    parent: number | null,
    role: Message['role'],
    content: string,
    change: Partial<Message> = {},
  ): Message {
    const message: Message = {
      id: this.#nextMessage++,
      parent,
      role,
      content,
      standing: { state: 'complete' },
      created_at: this.now(),
      model_name: role === 'assistant' ? (this.state.loaded?.name ?? null) : null,
      stats: null,
      siblings: [],
      ...change,
    };
    chat.nodes.set(message.id, message);
    const family = [...chat.nodes.values()].filter((node) => node.parent === parent && node.role === role);
    for (const node of family) node.siblings = family.map(({ id }) => id);
    chat.tip = message.id;
    chat.summary.updated_at = this.now();
    return message;
  }

  path(chat: Chat): Message[] {
    const path: Message[] = [];
    for (let at = chat.tip; at !== null;) {
      const message = chat.nodes.get(at);
      if (!message) break;
      path.push(message);
      at = message.parent;
    }
    return path.reverse();
  }

  /** Shows the newest path below a message. */
  select(chat: Chat, id: number): void {
    let at = id;
    for (;;) {
      const children = [...chat.nodes.values()].filter(({ parent }) => parent === at);
      const newest = children.at(-1);
      if (!newest) break;
      at = newest.id;
    }
    chat.tip = at;
  }

  view(chat: Chat): ChatView {
    const messages = this.path(chat);
    const limit = this.state.loaded?.context_tokens ?? 0;
    const used = messages.reduce((sum, { content }) => sum + tokens(content) + 4, 0);
    return structuredClone({
      summary: chat.summary,
      settings: chat.settings,
      messages,
      progress: chat.progress,
      context:
        limit && messages.length
          ? {
              used_tokens: Math.min(used, limit),
              limit_tokens: limit,
              unseen_messages: chat.unseen,
              unseen_tokens: chat.unseenTokens,
            }
          : null,
      as_of: this.seq,
    });
  }

  stats(change: Partial<AnswerStats> = {}): AnswerStats {
    return {
      prompt_tokens: 64,
      cached_tokens: 31,
      new_tokens: 48,
      first_token_ms: 182,
      prompt_tokens_per_s: 310,
      tokens_per_s: 41.7,
      unseen_messages: 0,
      unseen_tokens: 0,
      seed: 1_204_531,
      ...change,
    };
  }
}
