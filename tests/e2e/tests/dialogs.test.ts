import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'vitest';

import { answered, openChat, send } from '../harness/chat';
import { NativeDialog } from '../harness/dialogs';
import { Key } from '../harness/page';
import { record, screenPicture } from '../harness/pictures';
import { windowTest } from '../harness/window_test';

windowTest('a cancelled dialog changes nothing', async ({ open }) => {
  const page = await open();
  await page.click('nav-models');
  await page.find('model-card');
  const before = await page.ask('models_list');
  for (const [button, title] of [
    ['open-folder', 'Open a model folder'],
    ['open-file', 'Open a model file'],
  ] as const) {
    await page.click(button);
    const dialog = await NativeDialog.opened(title);
    await dialog.cancel();
    expect(await page.ask('models_list')).toEqual(before);
    expect(await page.all('error-box')).toEqual([]);
    expect(await page.all('toast')).toEqual([]);
  }
  // The window takes keys and clicks as before.
  await page.click('nav-chat');
  await page.find('composer');
});

windowTest('a chat is exported by the save dialog', async ({ home, open }) => {
  const page = await open();
  await send(page, 'Hello!');
  const answer = await answered(page);
  const chat_id = (await openChat(page)).summary.id;
  const expected = (format: string) => page.ask<{ text: string }>('chat_text', { chat_id, format });

  const markdown = join(home, 'exported.md');
  await page.click('chat-more');
  await page.click('export-markdown');
  const dialog = await NativeDialog.opened('Export chat');
  screenPicture('dialog-export');
  await dialog.choose(markdown);
  await page.waitForText('toast', `Written to ${markdown}`);
  const written = readFileSync(markdown, 'utf8');
  expect(written).toBe((await expected('markdown')).text);
  expect(written).toContain('Hello!');
  expect(written).toContain(answer.trim());
  await record(page, 'chat-exported');

  // By keyboard, and cancelled: nothing is written, nothing is said.
  const json = join(home, 'exported.json');
  const exportJson = async () => {
    await page.chord(Key.CONTROL, 'k');
    await page.find('palette-input');
    await page.press('export json');
    await page.waitForText('palette-option', 'JSON');
    await page.press(Key.ENTER);
    return NativeDialog.opened('Export chat');
  };
  const cancelled = await exportJson();
  await cancelled.enter(json);
  await cancelled.cancel();
  expect(existsSync(json)).toBe(false);
  expect(await page.all('error-box')).toEqual([]);

  await (await exportJson()).choose(json);
  await page.waitForText('toast', `Written to ${json}`, { nth: -1 });
  expect(readFileSync(json, 'utf8')).toBe((await expected('json')).text);
});

windowTest('an export that cannot be written says why and what to do', async ({ open }) => {
  const page = await open();
  await send(page, 'Hello!');
  await answered(page);
  await page.click('chat-more');
  await page.click('export-markdown');
  const dialog = await NativeDialog.opened('Export chat');
  // Not even root can make a file there.
  await dialog.choose('/proc/sys/exported.md');
  const said = await page.waitForText('toast', /\w/);
  expect(said).not.toContain('Written to');
  expect(said, 'a cause and a remedy').toMatch(/\w+[^.]*\. .*\w+[^.]*\./);
  await record(page, 'chat-export-failed');
  // The remedy is the dialog again; a cancel this time.
  await page.click('toast-remedy');
  await (await NativeDialog.opened('Export chat')).cancel();
  await send(page, 'Are you still there?');
  await answered(page);
});
