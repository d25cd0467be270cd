// What was typed and not sent, kept per chat, over restarts too.

const prefix = 'draft:';

/** The key of a chat's draft; a chat that does not exist yet has one of its own. */
export function draftKey(chat: number | null): string {
  return `${prefix}${chat ?? 'new'}`;
}

/** A web view may refuse storage; a draft is then kept as long as the window. */
export class Drafts {
  #here = new Map<string, string>();

  constructor(readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null) {}

  get(chat: number | null): string {
    const key = draftKey(chat);
    const here = this.#here.get(key);
    if (here !== undefined) return here;
    try {
      return this.storage?.getItem(key) ?? '';
    } catch {
      return '';
    }
  }

  set(chat: number | null, text: string): void {
    const key = draftKey(chat);
    this.#here.set(key, text);
    try {
      if (text === '') this.storage?.removeItem(key);
      else this.storage?.setItem(key, text);
    } catch {
      // Kept in memory above.
    }
  }
}
