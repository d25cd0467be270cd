// Where in the program the person is. It lives in the address, so that back, forward and a reload work.

export const pages = ['chat', 'data', 'fine-tune', 'evaluate', 'export', 'models', 'settings'] as const;
export type Page = (typeof pages)[number];

export interface Route {
  page: Page;
  /** The chat that is open on the Chat page; none for a chat that does not exist yet. */
  chat: number | null;
}

export function parseRoute(hash: string): Route {
  const [, name = '', id = ''] = hash.replace(/^#/, '').split('/');
  const page = pages.find((known) => known === name) ?? 'chat';
  return { page, chat: page === 'chat' && /^\d+$/.test(id) ? Number(id) : null };
}

export function routeHash({ page, chat }: Route): string {
  return page === 'chat' && chat !== null ? `#/chat/${chat}` : `#/${page}`;
}
