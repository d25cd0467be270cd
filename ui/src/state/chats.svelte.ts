import { asApiError, call, type ApiError, type ChatSummary } from '../backend';
import { app } from './app.svelte';
import { toasts } from './toasts.svelte';

/** The chats of the sidebar. */
class Chats {
  list = $state.raw<ChatSummary[]>([]);
  search = $state('');
  known = $state(false);
  error = $state.raw<ApiError | null>(null);
  #asked = 0;

  /** Asks anew; an answer that was overtaken by a later question is dropped. */
  async load(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const list = await call('chats_list', { search: this.search });
      if (asked !== this.#asked) return;
      this.list = list;
      this.known = true;
      this.error = null;
    } catch (reason) {
      if (asked === this.#asked) this.error = asApiError(reason);
    }
  }

  async rename(chat: ChatSummary, title: string): Promise<void> {
    const trimmed = title.trim();
    if (trimmed === '' || trimmed === chat.title) return;
    this.list = this.list.map((known) => (known.id === chat.id ? { ...known, title: trimmed } : known));
    await this.#try(() => call('chat_rename', { chat_id: chat.id, title: trimmed }));
  }

  async pin(chat: ChatSummary): Promise<void> {
    await this.#try(() => call('chat_pin', { chat_id: chat.id, pinned: !chat.pinned }));
  }

  async remove(chat: ChatSummary): Promise<void> {
    const wasOpen = app.route.page === 'chat' && app.route.chat === chat.id;
    this.list = this.list.filter((known) => known.id !== chat.id);
    if (!(await this.#try(() => call('chat_delete', { chat_id: chat.id })))) return;
    if (wasOpen) app.go('chat');
    const restore = () =>
      void this.#try(() => call('chat_restore', { chat_id: chat.id })).then((done) => {
        if (done && wasOpen) app.go('chat', chat.id);
      });
    toasts.say(`“${chat.title}” was deleted.`, { label: 'Undo', run: restore });
  }

  async export(chat: ChatSummary, format: 'markdown' | 'json'): Promise<void> {
    try {
      const { path } = await call('chat_export', { chat_id: chat.id, format });
      if (path !== null) toasts.say(`Written to ${path}.`);
    } catch (reason) {
      const error = asApiError(reason);
      const again = () => void this.export(chat, format);
      toasts.say(`${error.message} ${error.remedy}`, { label: 'Choose another place', run: again, lasting: true });
    }
  }

  async #try(what: () => Promise<unknown>): Promise<boolean> {
    try {
      await what();
      await this.load();
      return true;
    } catch (reason) {
      const error = asApiError(reason);
      toasts.say(`${error.message} ${error.remedy}`);
      await this.load();
      return false;
    }
  }
}

export const chats = new Chats();
