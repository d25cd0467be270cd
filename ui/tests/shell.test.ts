import { waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { useBackend } from '../src/backend';
import { backendOf, Core } from '../src/backend/mock';
import { app, App } from '../src/state/app.svelte';
import { accessible, all, click, one, open, press, type } from './world';

const names = () => all('sidebar-chat').map((row) => row.textContent?.trim() ?? '');

describe('the shell', () => {
  it.each(['empty', 'chat', 'base', 'text'])('is accessible in the state %s', async (state) => {
    await open(state, state === 'empty' || state === 'base' ? '#/chat' : '#/chat/7');
    await accessible();
  });

  it.each(['data', 'evaluate', 'export'])('says honestly what %s will be for', async (page) => {
    await open('', `#/${page}`);
    const element = await one(`page-${page}`);
    expect(element.textContent).toContain('Not built yet in this version.');
    await accessible();
  });

  it('folds the sidebar with Ctrl+B and remembers it', async () => {
    const { core } = await open('');
    expect((await one('sidebar')).dataset.folded).toBe('false');
    press('b', document.body, { ctrlKey: true });
    await waitFor(async () => expect((await one('sidebar')).dataset.folded).toBe('true'));
    await waitFor(() => expect(core.settings.sidebar_collapsed).toBe(true));
    await accessible();
  });

  it('changes the theme', async () => {
    const { core } = await open('');
    expect(document.documentElement.dataset.theme).toBe('light');
    await click('theme-toggle');
    await waitFor(() => expect(document.documentElement.dataset.theme).toBe('dark'));
    await waitFor(() => expect(core.settings.theme).toBe('dark'));
  });

  it('keeps what is changed while the settings are still being read, and everything else', async () => {
    const core = new Core();
    core.settings = { theme: 'light', advanced: true, sidebar_collapsed: false, kernels: 'avx2' };
    const inner = backendOf(core);
    let arrive = () => {};
    const late = new Promise<void>((resolve) => (arrive = resolve));
    useBackend({
      ...inner,
      call: async (name, request) => {
        const answer = await inner.call(name, request);
        if (name === 'settings_get') await late;
        return answer;
      },
    });
    const starting = new App();
    const loading = starting.load();
    await starting.set({ theme: 'dark' });
    expect(core.settings.advanced).toBe(true);
    arrive();
    await loading;
    const both = { theme: 'dark', advanced: true, sidebar_collapsed: false, kernels: 'avx2' };
    expect(starting.settings).toEqual(both);
    expect(core.settings).toEqual(both);
  });

  it('finds chats by their words', async () => {
    await open('');
    type(await one('chat-search'), 'lisbon');
    await waitFor(() => expect(names()).toHaveLength(1));
    expect(names()[0]).toContain('Weekend in Lisbon');
    type(await one('chat-search'), 'no such words');
    await waitFor(() => expect(names()).toEqual([]));
    expect((await one('sidebar')).textContent).toContain('No chat holds these words.');
  });

  it('deletes a chat and brings it back', async () => {
    await open('', '#/chat/2');
    await waitFor(() => expect(names()).toContain('Names for a small cat'));
    const row = all('sidebar-chat').find(({ dataset }) => dataset.chat === '2');
    press('Delete', row);
    await waitFor(() => expect(names()).not.toContain('Names for a small cat'));
    await waitFor(() => expect(location.hash).toBe('#/chat'));
    await accessible();
    await click('toast-undo');
    await waitFor(() => expect(names()).toContain('Names for a small cat'));
    expect(location.hash).toBe('#/chat/2');
  });

  it('renames a chat with F2', async () => {
    await open('');
    press(
      'F2',
      all('sidebar-chat').find(({ dataset }) => dataset.chat === '2'),
    );
    const input = await one<HTMLInputElement>('chat-title-input');
    input.value = 'Cats';
    press('Enter', input);
    await waitFor(() => expect(names()).toContain('Cats'));
  });

  it('pins a chat from its menu', async () => {
    await open('');
    const menus = all('chat-menu');
    menus.at(-1)?.click();
    await one('chat-pin');
    await accessible();
    await click('chat-pin');
    await waitFor(() => expect(names().slice(0, 2)).toContain('Sorting a list in Rust'));
  });
});

describe('the palette', () => {
  it('opens with Ctrl+K, finds by words and runs with Enter', async () => {
    await open('');
    press('k', document.body, { ctrlKey: true });
    const input = await one('palette-input');
    await waitFor(() => expect(all('palette-option').length).toBeGreaterThan(5));
    await accessible();
    type(input, 'models');
    await waitFor(() =>
      expect(all('palette-option').map(({ textContent }) => textContent?.trim())).toContain('Models'),
    );
    const at = () => all('palette-option').find((option) => option.getAttribute('aria-selected') === 'true');
    while (at()?.textContent?.trim() !== 'Models') {
      const before = at();
      press('ArrowDown', input);
      await waitFor(() => expect(at()).not.toBe(before));
    }
    press('Enter', input);
    await waitFor(() => expect(location.hash).toBe('#/models'));
    expect(app.palette).toBe(false);
  });

  it('finds chats and offers Stop only while something is written', async () => {
    await open('writing', '#/chat/7');
    await one('stop');
    press('k', document.body, { ctrlKey: true });
    type(await one('palette-input'), 'stop');
    await waitFor(() => expect(all('palette-option')[0]?.textContent).toContain('Stop the answer'));
    type(await one('palette-input'), 'lisbon');
    await waitFor(() =>
      expect(
        all('palette-option')
          .map(({ textContent }) => textContent)
          .join(),
      ).toContain('Weekend in Lisbon'),
    );
    all('palette-option')[0]?.click();
    await waitFor(() => expect(location.hash).toMatch(/#\/chat\/6/));
  });

  it('says when nothing fits', async () => {
    await open('');
    press('k', document.body, { ctrlKey: true });
    type(await one('palette-input'), 'qqqq');
    await waitFor(async () => expect((await one('palette')).textContent).toContain('Nothing fits “qqqq”.'));
  });
});

describe('settings', () => {
  it('show the machine, the shortcuts, the version and that nothing has left', async () => {
    await open('', '#/settings');
    await waitFor(async () => expect((await one('machine')).textContent).toContain('avx512'));
    const page = await one('page-settings');
    expect(page.textContent).toContain('Nothing has left this computer.');
    expect(page.textContent).toContain('NeuralChat Desktop 0.1.0');
    await accessible();
  });

  const text = async (id: string) => (await one(id)).textContent?.replace(/\s+/g, ' ') ?? '';
  const select = async () => (await one('kernels-select')) as HTMLSelectElement;
  const choose = async (value: string) => {
    const element = await select();
    element.value = value;
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };

  it('show the kernels that were found, how fast they are, which were chosen and why', async () => {
    await open('', '#/settings');
    expect(await text('kernels-chosen')).toContain('Reading a prompt avx512, 371 GFLOP/s');
    expect(await text('kernels-chosen')).toContain('Writing an answer avx512, 38.8 GB/s');
    expect(await text('kernels-chosen')).toContain('the fastest when measured here');
    const rows = [...((await one('kernels-found')) as HTMLTableElement).rows];
    const cells = rows.map((row) => [...row.cells].map((cell) => cell.textContent));
    expect(cells[2]).toEqual(['avx2', '210 GFLOP/s', '30.9 GB/s', '133 GFLOP/s']);
    expect(cells[4]?.[1]).toMatch(/^Failed its self-check: its product/);
    expect(await text('kernels-note')).toContain('Takes effect for the next model');
    expect(all('kernels-notice')).toHaveLength(0);
  });

  it('let the person choose the kernels, and say when their choice cannot be followed', async () => {
    const { core } = await open('', '#/settings');
    await choose('avx2');
    await waitFor(async () => expect(await text('kernels-chosen')).toContain('avx2, 210 GFLOP/s'));
    expect(await text('kernels-chosen')).toContain('asked for in Settings');
    expect(core.settings.kernels).toBe('avx2');
    await choose('amx');
    await waitFor(async () => expect(await text('kernels-notice')).toContain('amx'));
    expect(await text('kernels-chosen')).toContain('avx512');
    await accessible();
    await choose('');
    await waitFor(() => expect(core.settings.kernels).toBeNull());
    await waitFor(() => expect(all('kernels-notice')).toHaveLength(0));
  });

  it('show that the environment variable goes before the setting', async () => {
    await open('', '#/settings', (core) => {
      core.kernelsVariable = 'portable';
      core.settings.kernels = 'avx512-bf16';
    });
    expect(await text('kernels-note')).toContain('NEURALCHAT_KERNELS asks for portable');
    expect((await select()).disabled).toBe(true);
    expect(await text('kernels-select')).toContain('avx512-bf16 (not on this machine)');
    expect(await text('kernels-chosen')).toContain('portable, 14.2 GFLOP/s');
    expect(await text('kernels-chosen')).toContain('asked for by NEURALCHAT_KERNELS');
    await accessible();
  });
});
