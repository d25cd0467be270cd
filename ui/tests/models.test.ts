import { waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { accessible, all, click, one, open } from './world';

const card = (path: string) => all('model-card').find(({ dataset }) => dataset.path === path);

describe('models', () => {
  it('are listed with how they stand, what they are and what can be done', async () => {
    await open('models', '#/models');
    await waitFor(() => expect(all('model-card')).toHaveLength(6));
    expect(all('model-card').map(({ dataset }) => dataset.state)).toEqual([
      'loaded',
      'on_disk',
      'on_disk',
      'missing',
      'failed',
      'failed',
    ]);
    expect(card('starter')?.textContent).toMatch(/demonstration model/);
    expect(card('/home/ada/models/stories260k')?.textContent).toMatch(/260 K.*F32.*512 tokens.*1\.1 MB/s);
    expect(card('/media/usb/qwen-damaged.gguf')?.textContent).toMatch(/blk\.11.*Copy or download/s);
    await one('model-locate');
    await accessible();
  });

  it('are opened with a folder, step by step', async () => {
    const { core } = await open('empty', '#/models');
    core.pace = 20;
    await click('open-folder');
    await waitFor(async () => expect((await one('opening')).dataset.stage).toBe('loading'));
    await waitFor(() => expect(card('/home/ada/models/stories260k')?.dataset.state).toBe('loaded'));
    expect(card('starter')?.dataset.state).toBe('on_disk');
    expect(all('opening')).toHaveLength(0);
  });

  it('stay as they were when an opening is cancelled', async () => {
    const { core } = await open('empty', '#/models');
    core.pace = 20;
    await click('open-folder');
    await click('opening-cancel');
    await waitFor(() => expect(all('opening')).toHaveLength(0));
    expect(card('starter')?.dataset.state).toBe('loaded');
  });

  it('change nothing when the dialog is cancelled', async () => {
    const { calls } = await open('empty', '#/models', (core) => {
      core.pick = null;
    });
    await click('open-file');
    await waitFor(() => expect(calls.map(({ name }) => name)).toContain('model_pick'));
    await new Promise((done) => setTimeout(done, 20));
    expect(calls.map(({ name }) => name)).not.toContain('model_open');
    expect(all('error-box')).toHaveLength(0);
  });

  it('tell why one could not be opened and keep the old one', async () => {
    await open('toobig', '#/models');
    const box = await one('error-box');
    expect(box.dataset.code).toBe('model_too_large');
    expect((await one('opening-failed')).textContent).toContain('NeuralChat starter is still loaded and answers.');
    await accessible();
  });

  it('show their details with the chat template', async () => {
    await open('models', '#/models');
    await waitFor(() => expect(all('model-details').length).toBeGreaterThan(0));
    all('model-details')[0]?.click();
    expect((await one('chat-template')).textContent).toContain('<|im_start|>');
    await accessible();
  });

  it('are checked beside an independent decoder', async () => {
    await open('models', '#/models');
    await click('model-check');
    await waitFor(async () => expect((await one('check-verdict')).textContent).toContain('They agree'));
    expect((await one('check-ours')).textContent).toBe((await one('check-independent')).textContent);
    expect((await one('check-dialog')).textContent).toContain('3.1e-6');
    await accessible();
  });

  it('can be taken off the list', async () => {
    await open('models', '#/models');
    await waitFor(() => expect(all('model-card')).toHaveLength(6));
    card('/home/ada/models/mamba-130m')?.querySelector<HTMLElement>('[aria-haspopup="menu"]')?.click();
    await click('model-forget');
    await waitFor(() => expect(card('/home/ada/models/mamba-130m')).toBeUndefined());
  });
});
