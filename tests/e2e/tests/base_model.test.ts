import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'vitest';

import { loaded, openChat, setKnobs } from '../harness/chat';
import { NativeDialog } from '../harness/dialogs';
import { endless } from '../harness/models';
import { Key, type Page } from '../harness/page';
import { record, screenPicture } from '../harness/pictures';
import { stories } from '../harness/places';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

/** Opens a folder by the real dialog, as a person does. */
async function openFolder(page: Page, path: string): Promise<void> {
  await page.click('nav-models');
  await page.click('open-folder');
  const dialog = await NativeDialog.opened('Open a model folder');
  screenPicture('dialog-open-folder');
  await dialog.choose(path);
  await loaded(page, path);
  await until('the card of the model', async () => {
    const cards = await Promise.all((await page.all('model-card')).map((card) => card.getAttribute('data-path')));
    return cards.includes(path);
  });
}

/** Types the beginning of a text and lets the model go on. */
async function begin(page: Page, text: string): Promise<void> {
  await page.click('nav-chat');
  await page.find('base-badge');
  await page.find('text-input');
  await page.type('text-input', text);
  await page.chord(Key.CONTROL, Key.ENTER);
}

async function finished(page: Page): Promise<string> {
  await until('an answer', async () => (await page.all('text-assistant')).length > 0);
  await page.gone('stop');
  return page.text('text-document');
}

const first = 'Once upon a time, there was a little girl named Lily.';

if (existsSync(stories)) {
  windowTest('a trained base model, opened by the folder dialog, continues its story', async ({ open }) => {
    const expected = readFileSync(join(stories, 'expected_greedy.txt'), 'utf8');
    const page = await open();
    await openFolder(page, stories);
    await record(page, 'models-two');
    await page.click('nav-chat');
    await page.find('text-input');
    await record(page, 'text-empty');
    await setKnobs(page, { temperature: 0, max_new_tokens: 200 });
    await begin(page, first);
    const text = await finished(page);
    expect(text.length).toBeGreaterThanOrEqual(first.length + 400);
    // Both are greedy; ours goes on a little longer or ends a little earlier.
    const common = Math.min(text.length, expected.trimEnd().length);
    expect(text.slice(0, common)).toBe(expected.slice(0, common));
    expect((await openChat(page)).summary.kind).toBe('text');
    await record(page, 'text-continued');
  });
} else {
  console.warn(
    `${stories} is not on this machine: the story of the trained model is not checked here, only that a base model ` +
      'made from the starter continues a text.',
  );
}

windowTest('a base model continues a text, again and again', async ({ home, open }) => {
  const page = await open();
  const model = endless(home, 'base');
  await openFolder(page, model);
  await page.click('nav-chat');
  await setKnobs(page, { temperature: 0, max_new_tokens: 30 });
  await begin(page, first);
  const once = await finished(page);
  expect(once.startsWith(first)).toBe(true);
  expect(once.length).toBeGreaterThan(first.length);
  await page.find('answer-ending');

  await page.click('text-continue');
  await until('more of it', async () => (await page.text('text-document')).length > once.length);
  const twice = await finished(page);
  expect(twice.startsWith(once)).toBe(true);

  await page.click('text-undo');
  await until('the continuation to be taken away', async () => (await page.text('text-document')) === first);
  await page.click('sibling-previous');
  await until('the continuation to be back', async () => (await page.text('text-document')) === twice);
});
