import { expect } from 'vitest';

import { answered, send } from '../harness/chat';
import { NativeDialog } from '../harness/dialogs';
import { truncatedGguf, unknownFamily, withoutTokenizer } from '../harness/models';
import type { Page } from '../harness/page';
import { record } from '../harness/pictures';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

interface Models {
  models: { path: string; standing: { state: string; error?: { code: string; message: string; remedy: string } } }[];
  state: { loaded: { path: string } | null; opening: unknown; failed: { path: string } | null };
}

const models = (page: Page) => page.ask<Models>('models_list');

windowTest('a model that cannot be opened leaves the one before in place', async ({ home, open }) => {
  const page = await open();
  await page.click('nav-models');
  await page.find('model-card');
  const cases = [
    {
      what: 'truncated',
      path: truncatedGguf(home),
      button: 'open-file',
      title: 'Open a model file',
      code: 'model_damaged',
    },
    {
      what: 'no-tokenizer',
      path: withoutTokenizer(home),
      button: 'open-folder',
      title: 'Open a model folder',
      code: 'tokenizer_missing',
    },
    {
      what: 'unknown-family',
      path: unknownFamily(home),
      button: 'open-folder',
      title: 'Open a model folder',
      code: 'model_unsupported',
    },
  ];
  for (const { what, path, button, title, code } of cases) {
    await page.click(button);
    await (await NativeDialog.opened(title)).choose(path);
    await until(`the opening of ${path} to fail`, async () => {
      const { state } = await models(page);
      return state.opening === null && state.failed?.path === path;
    });
    const box = await until(
      'the error',
      async () => (await page.all('error-box', await page.find('opening-failed')))[0],
    );
    expect(await box.getAttribute('data-code')).toBe(code);
    const { models: known, state } = await models(page);
    const error = known.find((model) => model.path === path)?.standing.error;
    expect(error?.message.length, 'a cause').toBeGreaterThan(10);
    expect(error?.remedy.length, 'a remedy').toBeGreaterThan(10);
    expect(await box.getText()).toContain(error?.message);
    expect(await box.getText()).toContain(error?.remedy);
    const details = (one: Element) => one.querySelector('details')?.open ?? null;
    expect(await page.driver.executeScript<boolean | null>(details, box), 'the code is behind Details').toBe(false);
    expect(state.loaded?.path, 'the starter stays').toBe('starter');
    await page.find('error-remedy', { inside: box });
    await record(page, `models-${what}`);
  }

  // A path that is no longer there, asked for by the list.
  await page.click('nav-chat');
  await send(page, 'Hello!');
  expect((await answered(page)).length, 'the starter still answers').toBeGreaterThan(2);
});
