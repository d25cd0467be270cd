import { expect } from 'vitest';

import { answered, chats, openChat, openModel, send, setKnobs } from '../harness/chat';
import { endless } from '../harness/models';
import { Key } from '../harness/page';
import { record } from '../harness/pictures';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

windowTest('at the first start the embedded model answers', async ({ open }) => {
  const page = await open();
  await page.waitForText('model-loaded-name', /starter/i);
  await page.find('starter-badge');
  await record(page, 'chat-empty');

  // Settings of a chat that does not exist yet are those it begins with.
  await setKnobs(page, { temperature: 0 });
  const sum = await until('the question about a sum', async () => {
    for (const chip of await page.all('chip')) if ((await chip.getText()) === 'What is 7 + 5?') return chip;
    return null;
  });
  await sum.click();
  expect(await answered(page)).toContain('12');
  expect(await page.text('message-user')).toContain('What is 7 + 5?');
  await page.waitForText('badge-speed', /\d+ tokens\/s · .* to first token/);
  await page.waitForText('gauge', /\d+ \/ 1[\s,]?024 tokens/);
  expect(await page.focused(), 'ready to type on').toBe('composer');

  await send(page, 'Hello!');
  expect((await answered(page)).length).toBeGreaterThan(2);
  expect((await page.all('message-assistant')).length).toBe(2);
  await record(page, 'chat-answered');
});

windowTest('versions, editing and forks', async ({ open }) => {
  const page = await open();
  await send(page, 'Hello! What can you do?');
  const first = await answered(page);

  const again = await page.find('action-regenerate', { nth: -1 });
  await page.focus(again);
  await page.press(Key.ENTER);
  await page.waitForText('sibling-place', '2/2');
  const second = await answered(page);
  await page.click('sibling-previous');
  await page.waitForText('sibling-place', '1/2');
  expect((await openChat(page)).messages.at(-1)?.content).toBe(first);
  await record(page, 'chat-versions');
  await page.click('sibling-next');
  await page.waitForText('sibling-place', '2/2');
  expect((await openChat(page)).messages.at(-1)?.content).toBe(second);

  // Arrow up in an empty message edits the last one that was sent.
  await page.focus(await page.find('composer'));
  await page.press(Key.ARROW_UP);
  await page.find('edit-input');
  await record(page, 'chat-editing');
  await page.press(Key.ESCAPE);
  await page.gone('edit-input');
  await page.press(Key.ARROW_UP);
  await page.type('edit-input', 'What is 2 + 3?');
  await page.chord(Key.CONTROL, Key.ENTER);
  await page.waitForText('message-user', 'What is 2 + 3?');
  await answered(page);
  await page.waitForText('sibling-place', '2/2');
  expect((await openChat(page)).messages.map(({ role }) => role)).toEqual(['user', 'assistant']);

  // An answer can be rewritten by hand; it is kept as it was written.
  const edit = await page.find('action-edit', { nth: -1 });
  await page.focus(edit);
  await page.press(Key.ENTER);
  await page.type('edit-input', 'It is **five**.');
  await page.click('edit-save');
  await page.waitForText('message-content', 'It is five.', { nth: -1 });
  expect((await openChat(page)).messages.at(-1)?.content).toBe('It is **five**.');

  const before = await openChat(page);
  await page.focus(await page.find('action-fork', { nth: -1 }));
  await page.press(Key.ENTER);
  await page.waitForText('chat-title', '(fork)');
  const fork = await openChat(page);
  expect(fork.summary.id).not.toBe(before.summary.id);
  expect(fork.messages.map(({ content }) => content)).toEqual(before.messages.map(({ content }) => content));
});

windowTest('chats are renamed, pinned, searched, deleted and brought back, by keyboard', async ({ open }) => {
  const page = await open();
  for (const text of ['What is 7 + 5?', 'Hello there']) {
    await page.chord(Key.CONTROL, 'n');
    await until('an empty chat', async () => (await page.all('message-user')).length === 0);
    await send(page, text);
    await answered(page);
  }
  const titles = () =>
    page.driver.executeScript<string[]>(() =>
      [...document.querySelectorAll('[data-testid="sidebar-chat"] .name')].map((name) => name.textContent ?? ''),
    );
  await until('both chats, the newest first', async () => (await titles()).join('|') === 'Hello there|What is 7 + 5?');

  await page.focus(await page.find('sidebar-chat', { nth: 1 }));
  await page.press(Key.F2);
  await page.type('chat-title-input', 'Sums of numbers');
  await page.press(Key.ENTER);
  await until('the new title', async () => (await titles())[1] === 'Sums of numbers');

  // Tab goes from a chat to its menu.
  await page.focus(await page.find('sidebar-chat', { nth: 1 }));
  await page.press(Key.TAB);
  expect(await page.focused()).toBe('chat-menu');
  await page.press(Key.ENTER);
  await until('the menu to have the focus', async () => (await page.focused()) === 'chat-rename');
  await page.press(Key.ARROW_DOWN, Key.ENTER);
  await until('the pinned chat on top', async () => (await titles()).join('|') === 'Sums of numbers|Hello there');
  expect((await chats(page))[0]).toMatchObject({ title: 'Sums of numbers', pinned: true });

  // Searches messages, not only titles.
  await page.type('chat-search', '7 + 5');
  await until('what was found', async () => (await titles()).join('|') === 'Sums of numbers');
  await record(page, 'chat-search');
  await page.type('chat-search', 'no such words');
  await until('nothing found', async () => (await titles()).length === 0);
  await page.press(Key.ESCAPE);
  await until('all chats', async () => (await titles()).length === 2);

  await page.focus(await page.find('sidebar-chat', { nth: 0 }));
  await page.press(Key.DELETE);
  await page.waitForText('toast', 'Sums of numbers');
  await until('one chat less', async () => (await titles()).join('|') === 'Hello there');
  // With the focus on it, the note stays.
  await page.focus(await page.find('toast-undo'));
  await record(page, 'chat-deleted');
  await page.click('toast-undo');
  await until('the chat to be back', async () => (await titles()).join('|') === 'Sums of numbers|Hello there');
});

windowTest('Escape stops an answer, Continue goes on with it', async ({ home, open }) => {
  const model = endless(home, 'chat');
  const page = await open();
  await openModel(page, model);
  await page.click('nav-chat');
  await setKnobs(page, { temperature: 0, max_new_tokens: 30000 });
  await send(page, 'Tell me a long story.');

  // It streams: the page shows more and more of it.
  const shown = () => page.text('message-content', { nth: -1 }).then(({ length }) => length);
  await until('the first words', async () => (await shown()) > 20);
  const early = await shown();
  await until('more words', async () => (await shown()) > early + 20);
  await record(page, 'chat-writing');
  await page.press(Key.ESCAPE);
  const stopped = await answered(page, 'stopped');
  await page.waitForText('answer-ending', 'You stopped this answer.');
  await record(page, 'chat-stopped');

  await page.click('action-continue');
  await page.find('stop');
  await until(
    'more words',
    async () => ((await openChat(page)).messages.at(-1)?.content.length ?? 0) > stopped.length + 20,
  );
  await page.press(Key.ESCAPE);
  const longer = await answered(page, 'stopped');
  expect(longer.startsWith(stopped), 'what was there stays').toBe(true);
  expect((await openChat(page)).messages.length, 'in the same message').toBe(2);

  await setKnobs(page, { max_new_tokens: 12 });
  await send(page, 'And another.');
  await answered(page, 'cut_at_length');
  await page.waitForText('answer-ending', 'Cut at the longest length', { nth: -1 });
  await record(page, 'chat-cut-at-length');
});
