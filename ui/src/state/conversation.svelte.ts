import {
  asApiError,
  call,
  type ApiError,
  type ChatSettings,
  type ChatView,
  type NumberedEvent,
  type Request,
} from '../backend';
import { Drafts } from '../logic/drafts';
import { fold } from '../logic/events';
import { defaultSampling } from '../logic/presets';
import { app } from './app.svelte';
import { log } from './log';
import { models } from './models.svelte';

type ViewCommand =
  | 'chat_get'
  | 'chat_send'
  | 'chat_regenerate'
  | 'chat_continue'
  | 'chat_edit'
  | 'chat_stop'
  | 'chat_select'
  | 'chat_configure';

const freshSettings: ChatSettings = { system_prompt: '', template: 'model', sampling: null };

/** The chat that is open, or the one that will exist once something is sent. */
class Conversation {
  view = $state.raw<ChatView | null>(null);
  /** Settings of a chat that does not exist yet. */
  #pending = $state.raw<ChatSettings>(freshSettings);
  loading = $state(false);
  /** A command is on its way. */
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);
  draft = $state('');
  readonly drafts = new Drafts(localStorage);
  /** The chat that was asked for last; its view may still be on its way. */
  #chat: number | null = null;
  #retry: (() => Promise<void>) | null = null;
  #asked = 0;

  readonly id = $derived(this.view?.summary.id ?? null);
  readonly settings = $derived(this.view?.settings ?? this.#pending);
  /** The chat's own, or what the model comes with. */
  readonly sampling = $derived(this.settings.sampling ?? models.loaded?.sampling ?? defaultSampling);
  readonly answering = $derived((this.view?.progress ?? null) !== null);
  readonly last = $derived(this.view?.messages.at(-1) ?? null);
  /** Conversation or text; what does not exist yet is what the model can do. */
  readonly kind = $derived(
    this.view?.summary.kind ?? (models.base && this.#pending.template === 'model' ? 'text' : 'chat'),
  );

  /** Shows a chat; none is a chat that does not exist yet. */
  async open(chat: number | null): Promise<void> {
    if (chat !== null && chat === this.id) return;
    this.error = null;
    this.#chat = chat;
    this.draft = this.drafts.get(chat);
    this.view = null;
    if (chat === null) {
      this.#asked += 1;
      this.loading = false;
      return;
    }
    this.loading = true;
    await this.#run('chat_get', { chat_id: chat });
    this.loading = false;
  }

  /** Asks for the open chat anew. */
  async reload(): Promise<void> {
    if (this.id !== null) await this.#run('chat_get', { chat_id: this.id }, true);
  }

  receive(event: NumberedEvent): void {
    if (this.view === null) return;
    this.view = fold(this.view, event);
    // The end of an answer changes how full the context is, which only a view tells.
    if (event.event.type === 'answer_ended' && event.event.chat_id === this.id) void this.reload();
  }

  setDraft(text: string): void {
    this.draft = text;
    this.drafts.set(this.#chat, text);
  }

  async send(content: string): Promise<void> {
    if (this.busy) return;
    let chat_id = this.id;
    if (chat_id === null) {
      const settings = $state.snapshot(this.#pending);
      const created = await this.#guard(() => call('chat_create', { kind: this.kind, settings }));
      if (created === null) return;
      chat_id = created.summary.id;
      this.view = created;
      this.drafts.set(null, '');
      this.#chat = chat_id;
      this.#pending = freshSettings;
      app.go('chat', chat_id);
    }
    // What was typed is given back when it could not be sent.
    this.setDraft('');
    if (!(await this.#run('chat_send', { chat_id, content })) && this.id === chat_id && this.draft === '')
      this.setDraft(content);
  }

  regenerate = (message_id: number) => this.#on('chat_regenerate', message_id);
  goOn = (message_id: number) => this.#on('chat_continue', message_id);
  select = (message_id: number) => this.#on('chat_select', message_id);

  async edit(message_id: number, content: string): Promise<void> {
    if (this.id !== null) await this.#run('chat_edit', { chat_id: this.id, message_id, content });
  }

  async stop(): Promise<void> {
    if (this.id !== null) await this.#run('chat_stop', { chat_id: this.id }, true);
  }

  async fork(message_id: number): Promise<void> {
    const chat_id = this.id;
    if (chat_id === null) return;
    const forked = await this.#guard(() => call('chat_fork', { chat_id, message_id }));
    if (forked) app.go('chat', forked.summary.id);
  }

  async configure(settings: ChatSettings): Promise<void> {
    if (this.view === null) {
      this.#pending = settings;
      return;
    }
    const { id } = this.view.summary;
    // Shown at once: a slider must not wait for the disk.
    this.view = { ...this.view, settings };
    await this.#run('chat_configure', { chat_id: id, settings }, true);
  }

  rename(title: string): void {
    if (this.view) this.view = { ...this.view, summary: { ...this.view.summary, title } };
  }

  dismiss(): void {
    this.error = null;
  }

  get canRetry(): boolean {
    return this.#retry !== null;
  }

  async retry(): Promise<void> {
    await this.#retry?.();
  }

  async #on(name: 'chat_regenerate' | 'chat_continue' | 'chat_select', message_id: number): Promise<void> {
    if (this.id !== null) await this.#run(name, { chat_id: this.id, message_id });
  }

  /** Runs a command that answers with the chat, and shows it. Quiet ones block nothing while they run. */
  async #run<K extends ViewCommand>(name: K, request: Request<K>, quiet = false): Promise<boolean> {
    const asked = ++this.#asked;
    const view = await this.#guard(() => call(name, request) as Promise<ChatView>, quiet);
    if (view === null) {
      this.#retry = async () => void (await this.#run(name, request));
      return false;
    }
    // A later command, or another chat, has overtaken this answer.
    if (asked !== this.#asked) return true;
    const now = log.catchUp(view);
    this.view = now ?? view;
    if (now === null) void this.reload();
    return true;
  }

  async #guard<T>(what: () => Promise<T>, quiet = false): Promise<T | null> {
    if (!quiet) this.busy = true;
    this.#retry = null;
    try {
      const result = await what();
      if (!quiet) this.error = null;
      return result;
    } catch (reason) {
      this.error = asApiError(reason);
      return null;
    } finally {
      if (!quiet) this.busy = false;
    }
  }
}

export const conversation = new Conversation();
