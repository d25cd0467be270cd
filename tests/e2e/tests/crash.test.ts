import { execFileSync } from 'node:child_process';

import { expect } from 'vitest';

import { answered, loaded, openChat, openModel, send, setKnobs, type Chat } from '../harness/chat';
import { environment } from '../harness/driver';
import { endless } from '../harness/models';
import { Key } from '../harness/page';
import { record } from '../harness/pictures';
import { commandLine } from '../harness/places';
import { pause, until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

windowTest('a chat outlives a kill in the middle of an answer', async ({ home, open }) => {
  const model = endless(home, 'chat');
  const page = await open();
  await openModel(page, model);
  await page.click('nav-chat');
  await setKnobs(page, { temperature: 0, max_new_tokens: 30000 });
  await send(page, 'Tell me a long story.');
  const seen = await until('a piece of the answer', async () => {
    const last = (await openChat(page)).messages.at(-1);
    return last && last.content.length > 60 && last;
  });
  const { summary } = await openChat(page);
  // All but the last second is kept, so what was seen two seconds ago must be.
  await pause(2000);
  expect((await openChat(page)).messages.at(-1)?.standing.state, 'still writing').toBe('writing');
  await page.kill();

  const again = await open();
  await loaded(again, model);
  await until('the chat in the sidebar', async () => (await again.text('sidebar-chat')).includes(summary.title));
  await again.click('sidebar-chat');
  await again.waitForText('message-user', 'Tell me a long story.');
  const kept = await answered(again, 'interrupted');
  expect(kept.startsWith(seen.content), 'what was seen two seconds before').toBe(true);
  await again.waitForText('answer-ending', 'The program ended while this was being written.');
  await record(again, 'chat-interrupted');

  // The command line sees the same library, as another process.
  const request = JSON.stringify({ chat_id: summary.id, format: 'json' });
  const printed = execFileSync(commandLine, ['call', 'chat_text', request], {
    env: environment(home),
    encoding: 'utf8',
  });
  const { text } = JSON.parse(printed) as { text: string };
  expect((JSON.parse(text) as Chat).messages.at(-1)?.content).toBe(kept);

  await again.click('action-continue');
  await until('more of it', async () => {
    const last = (await openChat(again)).messages.at(-1);
    return last && last.content.length > kept.length + 20 && last.content.startsWith(kept);
  });
  await again.press(Key.ESCAPE);
  await answered(again, 'stopped');
});
