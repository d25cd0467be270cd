// What many tests do with a chat.
import { Key, type Page } from './page';
import { until } from './waiting';

interface Summary {
  id: number;
  title: string;
  kind: 'chat' | 'text';
  pinned: boolean;
}

export interface Message {
  id: number;
  role: 'user' | 'assistant';
  content: string;
  standing: { state: string };
  siblings: number[];
}

export interface Chat {
  summary: Summary;
  messages: Message[];
  progress: unknown;
}

export const chats = (page: Page) => page.ask<Summary[]>('chats_list', { search: '' });

/** The chat that is open, as the core has it. */
export async function openChat(page: Page): Promise<Chat> {
  const id = await until('an open chat', () =>
    page.driver.executeScript<string | null>(() => /^#\/chat\/(\d+)$/.exec(location.hash)?.[1] ?? null),
  );
  return page.ask<Chat>('chat_get', { chat_id: Number(id) });
}

/** Waits until the last answer stands as expected, on the page, and gives its text as the core has it. */
export async function answered(page: Page, state = 'complete'): Promise<string> {
  await page.gone('stop');
  await until(`the last answer to be “${state}”`, async () => {
    const found = await page.attribute('message-assistant', 'data-state', { nth: -1 });
    if (found !== state) throw new Error(`it is “${found}”`);
    return true;
  });
  const last = (await openChat(page)).messages.at(-1);
  return last?.content ?? '';
}

/** Sends a message as a person does. */
export async function send(page: Page, text: string): Promise<void> {
  await page.type('composer', text);
  await page.press(Key.ENTER);
}

/** Sets sampling settings of the chat in its sheet, which is closed again. */
export async function setKnobs(page: Page, knobs: Record<string, number>): Promise<void> {
  await page.chord(Key.CONTROL, '.');
  await page.find('sheet');
  for (const [name, value] of Object.entries(knobs)) {
    await page.type(`knob-${name}`, String(value));
    await page.press(Key.TAB);
  }
  await page.chord(Key.CONTROL, '.');
  await page.gone('sheet');
}

/** The model under this path is the one that answers, and the page says so. */
export async function loaded(page: Page, path: string): Promise<void> {
  await until(`${path} to be loaded`, async () => {
    const { state } = await page.ask<{ state: { loaded: { path: string } | null; opening: unknown } }>('models_list');
    return state.loaded?.path === path && state.opening === null;
  });
}

/** Opens a model without its dialog. */
export async function openModel(page: Page, path: string): Promise<void> {
  await page.ask('model_open', { path });
  await loaded(page, path);
}
