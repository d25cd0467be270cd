import { expect } from 'vitest';

import { openChat, openModel, setKnobs } from '../harness/chat';
import { endless } from '../harness/models';
import { Key } from '../harness/page';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

windowTest('a reload in the middle of an answer loses and doubles nothing', async ({ home, open }) => {
  const model = endless(home, 'base');
  const page = await open();
  await openModel(page, model);
  await page.click('nav-chat');
  await setKnobs(page, { temperature: 0, max_new_tokens: 30000 });
  await page.type('text-input', 'Once upon a time');
  await page.chord(Key.CONTROL, Key.ENTER);
  const shown = () => page.text('text-document');
  for (let reloads = 0; reloads < 3; reloads += 1) {
    const before = await until('more of the text', async () => {
      const text = await shown();
      return text.length > 40 * (reloads + 1) && text;
    });
    await page.reload();
    const after = await until('the text to be back', async () => {
      const text = await shown();
      return text.length >= before.length && text;
    });
    expect(after.slice(0, before.length), 'what was there before the reload').toBe(before);
    await until('the text to go on', async () => (await shown()).length > after.length);
  }
  await page.press(Key.ESCAPE);
  await page.gone('stop');
  const { messages, summary } = await openChat(page);
  expect(await shown()).toBe(messages.map(({ content }) => content).join(''));
  const { text } = await page.ask<{ text: string }>('chat_text', { chat_id: summary.id, format: 'markdown' });
  expect(await shown()).toBe(text);
});
