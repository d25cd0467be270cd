// Where in the program the person is. It lives in the address, so that back, forward and a reload work.

export const pages = ['chat', 'data', 'fine-tune', 'evaluate', 'export', 'models', 'settings'] as const;
export type Page = (typeof pages)[number];

/** What is open on the Fine-tune page. */
export type TunePlace =
  | { view: 'list' }
  /** The wizard; with `samples`, the person asked for the data that comes with the program. */
  | { view: 'new'; samples: boolean }
  | { view: 'run'; id: string }
  | { view: 'compare'; ids: string[] };

export interface Route {
  page: Page;
  /** The chat that is open on the Chat page; none for a chat that does not exist yet. */
  chat: number | null;
  /** Only on the Fine-tune page. */
  tune?: TunePlace;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseTune(view: string, rest: string): TunePlace {
  if (view === 'new') return { view, samples: rest === 'samples' };
  const ids = rest.split(',').filter(Boolean).map(decoded);
  const [id] = ids;
  if (view === 'run' && id !== undefined) return { view, id };
  if (view === 'compare' && ids.length >= 2) return { view, ids };
  return { view: 'list' };
}

export function parseRoute(hash: string): Route {
  const [, name = '', second = '', third = ''] = hash.replace(/^#/, '').split('/');
  const page = pages.find((known) => known === name) ?? 'chat';
  if (page === 'fine-tune') return { page, chat: null, tune: parseTune(second, third) };
  return { page, chat: page === 'chat' && /^\d+$/.test(second) ? Number(second) : null };
}

function tuneHash(place: TunePlace): string {
  switch (place.view) {
    case 'list':
      return '#/fine-tune';
    case 'new':
      return place.samples ? '#/fine-tune/new/samples' : '#/fine-tune/new';
    case 'run':
      return `#/fine-tune/run/${encodeURIComponent(place.id)}`;
    case 'compare':
      return `#/fine-tune/compare/${place.ids.map(encodeURIComponent).join(',')}`;
  }
}

export function routeHash({ page, chat, tune }: Route): string {
  if (page === 'fine-tune') return tuneHash(tune ?? { view: 'list' });
  return page === 'chat' && chat !== null ? `#/chat/${chat}` : `#/${page}`;
}
