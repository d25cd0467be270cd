import { expect } from 'vitest';

import { answered, send } from '../harness/chat';
import { Key, type Page } from '../harness/page';
import { record, themeOf } from '../harness/pictures';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

async function run(page: Page, words: string): Promise<void> {
  await page.chord(Key.CONTROL, 'k');
  await page.find('palette-input');
  await page.press(words);
  // The options follow the words.
  await page.waitForText('palette-option', new RegExp(words, 'i'));
  await page.press(Key.ENTER);
  await page.gone('palette-input');
}

windowTest('the keyboard reaches everything', async ({ open }) => {
  const page = await open();
  await send(page, 'Hello!');
  await answered(page);

  await run(page, 'Models');
  await page.find('open-folder');
  await run(page, 'Evaluate');
  await page.find('page-evaluate');
  await page.chord(Key.CONTROL, 'n');
  await page.find('empty-chat');
  expect(await page.focused()).toBe('composer');
  await page.chord(Key.CONTROL, ',');
  await page.find('page-settings');
  await run(page, 'Hello!');
  await page.waitForText('message-user', 'Hello!');

  await page.chord(Key.CONTROL, 'b');
  await until('the folded sidebar', async () => (await page.attribute('sidebar', 'data-folded')) === 'true');
  await record(page, 'sidebar-folded');
  await page.chord(Key.CONTROL, 'b');
  await until('the unfolded sidebar', async () => (await page.attribute('sidebar', 'data-folded')) === 'false');

  const before = await themeOf(page);
  await run(page, 'Toggle theme');
  await until('the other theme', async () => (await themeOf(page)) !== before);
  await page.click('theme-toggle');
  await until('the theme of before', async () => (await themeOf(page)) === before);

  // Settings outlive the window.
  await page.chord(Key.CONTROL, 'b');
  await page.click('theme-toggle');
  const theme = await until('another theme', async () => {
    const now = await themeOf(page);
    return now !== before && now;
  });
  await until('settings that are kept', async () => {
    const kept = await page.ask<{ theme: string; sidebar_collapsed: boolean }>('settings_get');
    return kept.theme === theme && kept.sidebar_collapsed;
  });
  await page.close();
  const next = await open();
  await until('the folded sidebar', async () => (await next.attribute('sidebar', 'data-folded')) === 'true');
  await until('the theme of before', async () => (await themeOf(next)) === theme);
  await next.find('new-chat');
});

windowTest('every page and dialog looks right and is accessible', async ({ open }) => {
  const page = await open();
  for (const name of ['data', 'fine-tune', 'evaluate', 'export']) {
    await page.click(`nav-${name}`);
    await page.find(`page-${name}`);
    await record(page, `page-${name}`);
  }
  await page.click('nav-settings');
  await page.find('machine');
  await page.waitForText('network', 'Nothing has left this computer');
  await record(page, 'page-settings');

  await page.click('nav-models');
  await page.waitForText('model-standing', 'Loaded');
  await record(page, 'page-models');
  await page.click('model-details');
  await page.waitForText('chat-template', 'im_start');
  await record(page, 'models-details');
  await page.press(Key.ESCAPE);
  await page.gone('model-details-dialog');
  await page.click('model-check');
  await page.waitForText('check-verdict', 'They agree');
  expect(await page.text('check-ours')).toBe(await page.text('check-independent'));
  await record(page, 'models-check');
  await page.press(Key.ESCAPE);
  await page.gone('check-dialog');

  await page.click('nav-chat');
  await page.click('starter-badge');
  await page.find('starter-dialog');
  await record(page, 'starter-badge');
  await page.press(Key.ESCAPE);
  await page.gone('starter-dialog');
  await page.chord(Key.CONTROL, 'k');
  await page.find('palette-option');
  await record(page, 'palette');
  await page.press('no such thing');
  await until('nothing found', async () => (await page.all('palette-option')).length === 0);
  await record(page, 'palette-nothing-found');
  await page.press(Key.ESCAPE);
  await page.gone('palette-input');

  await page.chord(Key.CONTROL, '.');
  await page.find('sheet');
  await record(page, 'chat-sheet-simple');
  await page.driver.executeScript(() => document.querySelector<HTMLElement>('[data-testid="level-advanced"]')?.click());
  await page.find('seed');
  await record(page, 'chat-sheet-advanced');
  await page.chord(Key.CONTROL, '.');
  await page.gone('sheet');
  await page.focus(await page.find('model-picker'));
  await record(page, 'model-picker', async () => {
    await page.focus(await page.find('model-picker'));
    await page.press(Key.ENTER);
    await until('the open menu', () =>
      page.driver.executeScript<boolean>(
        () => document.activeElement?.getAttribute('role')?.startsWith('menuitem') ?? false,
      ),
    );
  });
});
