import { waitFor } from '@testing-library/svelte';
import { tick } from 'svelte';
import { describe, expect, it } from 'vitest';

import { accessible, all, click, one, open, press, type } from './world';

const texts = (testid: string) => all(testid).map((element) => element.textContent?.trim() ?? '');
const states = () => all('message-assistant').map(({ dataset }) => dataset.state);

describe('a chat', () => {
  it('begins with a chip, streams the answer and lists itself', async () => {
    const { calls } = await open('empty');
    const chips = all('chip');
    expect(chips.map(({ textContent }) => textContent)).toContain('What is 7 + 5?');
    chips.find(({ textContent }) => textContent === 'What is 7 + 5?')?.click();
    await waitFor(() => expect(states()).toEqual(['complete']));
    expect(texts('message-user')).toEqual(['What is 7 + 5?']);
    expect((await one('message-assistant')).textContent).toContain('7 + 5 = 12.');
    expect((await one('badge-speed')).textContent).toMatch(/tokens\/s · .+ to first token/);
    await waitFor(() => expect(texts('sidebar-chat')).toEqual(['What is 7 + 5?']));
    expect((await one('gauge')).textContent).toMatch(/tokens/);
    expect(calls.filter(({ name }) => name === 'chat_create')).toHaveLength(1);
    expect(location.hash).toBe('#/chat/1');
  });

  it('sends with Enter, not with Shift+Enter nor while a word is being composed', async () => {
    const { calls } = await open('empty');
    const composer = await one('composer');
    type(composer, 'Hello');
    const sent = () => calls.filter(({ name }) => name === 'chat_send').length;
    press('Enter', composer, { shiftKey: true });
    press('Enter', composer, { isComposing: true });
    expect(sent()).toBe(0);
    press('Enter', composer);
    await waitFor(() => expect(sent()).toBe(1));
    await waitFor(() => expect((composer as HTMLTextAreaElement).value).toBe(''));
  });

  it('stops with Escape, keeps what was written and goes on from there', async () => {
    const { core } = await open('empty');
    core.pace = 20;
    type(await one('composer'), 'Show me markdown');
    await click('send');
    await waitFor(() => expect(states()).toEqual(['writing']));
    await waitFor(() => expect(texts('message-content')[1]).toContain('Here is'));
    press('Escape');
    await waitFor(() => expect(states()).toEqual(['stopped']));
    const kept = texts('message-content')[1] ?? '';
    expect(kept).not.toContain('Raw HTML stays text');
    core.pace = 1;
    await click('action-continue');
    await waitFor(() => expect(states()).toEqual(['complete']));
    expect(texts('message-content')[1]).toContain(kept.slice(0, 20));
    expect(texts('message-content')[1]).toContain('Raw HTML stays text');
  });

  it('keeps Stop in the place of Send', async () => {
    const { core } = await open('empty');
    core.pace = 20;
    type(await one('composer'), 'Tell me a long story');
    const place = (await one('send')).parentElement;
    await click('send');
    const stop = await one('stop');
    expect(stop.parentElement).toBe(place);
    expect(all('send')).toHaveLength(0);
    stop.click();
    await one('send');
  });

  it('writes again as a sibling and goes back to the first', async () => {
    await open('chat', '#/chat/7');
    await waitFor(() => expect(texts('sibling-place')).toEqual(['2/2']));
    all('action-regenerate').at(-1)?.click();
    await waitFor(() => expect(texts('sibling-place')).toEqual(['3/3']));
    await waitFor(() => expect(states().at(-1)).toBe('complete'));
    await click('sibling-previous');
    await waitFor(() => expect(texts('sibling-place')).toEqual(['2/3']));
    await click('sibling-previous');
    await waitFor(() => expect(texts('message-content').at(-1)).toBe('I can do that.'));
  });

  it('edits a message of the person and answers it anew', async () => {
    await open('chat', '#/chat/7');
    await waitFor(() => expect(all('message-user')).toHaveLength(2));
    press('ArrowUp', await one('composer'));
    const edit = await one<HTMLTextAreaElement>('edit-input');
    expect(edit.value).toBe('Show me markdown with a table and some code, please.');
    type(edit, 'What is 7 + 5?');
    await click('edit-save');
    await waitFor(() => expect(texts('message-content').at(-1)).toBe('7 + 5 = 12.'));
    expect(texts('sibling-place')).toEqual(['2/2']);
  });

  it('leaves an edit with Escape and stops nothing', async () => {
    const { calls } = await open('chat', '#/chat/7');
    await waitFor(() => expect(all('action-edit')).toHaveLength(4));
    all('action-edit')[0]?.click();
    press('Escape', await one('edit-input'));
    await waitFor(() => expect(all('edit-input')).toHaveLength(0));
    expect(calls.map(({ name }) => name)).not.toContain('chat_stop');
  });

  it('forks into a chat of its own', async () => {
    await open('chat', '#/chat/7');
    await waitFor(() => expect(all('action-fork').length).toBeGreaterThan(1));
    all('action-fork')[1]?.click();
    await waitFor(() => expect(location.hash).toBe('#/chat/8'));
    await waitFor(() => expect(all('message-user')).toHaveLength(1));
  });

  it('keeps a draft per chat', async () => {
    await open('chat', '#/chat/7');
    type(await one('composer'), 'for seven');
    all('sidebar-chat')
      .find(({ dataset }) => dataset.chat === '3')
      ?.click();
    await waitFor(() => expect(all('message-user')).toHaveLength(1));
    expect((await one<HTMLTextAreaElement>('composer')).value).toBe('');
    all('sidebar-chat')
      .find(({ dataset }) => dataset.chat === '7')
      ?.click();
    await waitFor(async () => expect((await one<HTMLTextAreaElement>('composer')).value).toBe('for seven'));
  });

  it('gives the text back when it could not be sent', async () => {
    await open('empty', '#/chat', (core) => {
      core.create = () => {
        throw { code: 'storage', message: 'The disk is full.', remedy: 'Make room.' };
      };
    });
    type(await one('composer'), 'Hello');
    await click('send');
    expect((await one('error-box')).textContent).toContain('The disk is full.');
    expect((await one<HTMLTextAreaElement>('composer')).value).toBe('Hello');
  });

  it('shows where a link leads and opens nothing', async () => {
    await open('chat', '#/chat/7');
    const link = await waitFor(() => {
      const found = document.querySelector<HTMLElement>('[data-url]');
      expect(found).not.toBeNull();
      return found;
    });
    link?.click();
    expect((await one('link-dialog')).textContent).toContain('https://arxiv.org/abs/2305.18290');
    await accessible();
  });

  it('draws a chat of 2,000 messages at once, and only its end', async () => {
    const began = performance.now();
    await open('long', '#/chat/1');
    await waitFor(() => expect(texts('message-user').at(-1)).toContain('Question 1000:'));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(all('message-user').length + all('message-assistant').length).toBeLessThan(60);
    expect(document.querySelector('[aria-setsize="2000"]')).not.toBeNull();
  });
});

describe('how an answer stands', () => {
  it.each([
    ['reading', 'answer-progress', /Reading the prompt: 1.344 of 3.920 tokens.*about 9 s left/s],
    ['waiting', 'answer-progress', /another answer is being finished first/],
    ['writing', 'answer-progress', /14 tokens · 42 tokens\/s/],
    ['stopped', 'answer-ending', /You stopped this answer\..*Continue/s],
    ['cut', 'answer-ending', /Cut at the longest length.*Continue/s],
    ['interrupted', 'answer-ending', /The program ended.*Continue/s],
    ['failed', 'error-box', /not numbers.*Retry/s],
    ['nearly', 'context-notice', /The context is 8\d % full/],
    ['full', 'context-notice', /The oldest 6 messages are no longer seen/],
    ['fulltext', 'context-notice', /The oldest 1.307 tokens are no longer seen.*New chat/s],
    ['opening', 'opening', /Opening TinyLlama.*42 %.*924 MB of 2\.2 GB.*about 7 s left.*answers until then.*Cancel/s],
    ['toobig', 'error-box', /needs 43 GB of memory.*Choose a smaller model/s],
    ['gone', 'error-box', /not there any more.*Locate/s],
    ['nomodel', 'blocked', /No model is loaded.*Open the starter model/s],
  ])('%s', async (state, testid, words) => {
    await open(state, '#/chat/7');
    expect((await one(testid)).textContent).toMatch(words);
    await accessible();
  });

  it('keeps the typed text and the old model while another is opened', async () => {
    const { core } = await open('chat', '#/chat/7');
    type(await one('composer'), 'half a question');
    core.setModel({
      opening: { path: '/m', name: 'm', stage: 'reading', done_bytes: 0, total_bytes: 0, seconds_left: null },
    });
    await one('opening');
    expect((await one<HTMLTextAreaElement>('composer')).value).toBe('half a question');
    expect((await one<HTMLButtonElement>('send')).disabled).toBe(false);
    expect((await one('model-loaded-name')).textContent).toBe('NeuralChat starter');
  });

  it('asks for everything anew after events were lost', async () => {
    const { core, calls } = await open('chat', '#/chat/7');
    await waitFor(() => expect(all('message-user')).toHaveLength(2));
    core.emit({ type: 'chats_changed' });
    calls.length = 0;
    core.emit({ type: 'resync' });
    await waitFor(() =>
      expect(calls.map(({ name }) => name)).toEqual(expect.arrayContaining(['models_list', 'chats_list', 'chat_get'])),
    );
  });
});

describe('a text', () => {
  it('is offered by a base model, is continued exactly, and a continuation can be taken back', async () => {
    const { calls } = await open('base');
    await one('base-badge');
    expect(all('composer')).toHaveLength(0);
    type(await one('text-input'), 'Once upon a time,');
    await click('text-continue');
    await waitFor(() => expect(all('badge-speed')).toHaveLength(1));
    const text = (await one('text-document')).textContent ?? '';
    expect(text.startsWith('Once upon a time, there was a little girl named Lily.')).toBe(true);
    expect(calls.find(({ name }) => name === 'chat_create')?.request).toMatchObject({ kind: 'text' });
    await accessible();

    await click('text-undo');
    await waitFor(async () => expect((await one('text-document')).textContent).toBe('Once upon a time,'));
    await click('sibling-previous');
    await waitFor(async () => expect((await one('text-document')).textContent).toBe(text));
    await click('text-continue');
    await waitFor(() => expect(calls.map(({ name }) => name)).toContain('chat_continue'));
  });

  it('can be a chat all the same with a template chosen', async () => {
    await open('base');
    await click('choose-template');
    const template = await one<HTMLSelectElement>('template');
    template.value = 'chatml';
    template.dispatchEvent(new Event('change', { bubbles: true }));
    await one('composer');
    expect(all('text-input')).toHaveLength(0);
  });
});

describe('the sheet', () => {
  it('shows the usual knobs, and all of them when asked', async () => {
    const { calls } = await open('chat', '#/chat/7');
    await waitFor(() => expect(all('message-user')).toHaveLength(2));
    press('.', document.body, { ctrlKey: true });
    await one('sheet');
    expect(all('knob-top_k')).toHaveLength(0);
    await one('knob-temperature');
    await click('preset-precise');
    await waitFor(() =>
      expect(calls.findLast(({ name }) => name === 'chat_configure')?.request).toMatchObject({
        settings: { sampling: { temperature: 0.2, top_p: 0.9 } },
      }),
    );
    await click('level-advanced');
    for (const id of ['knob-top_k', 'knob-min_p', 'seed', 'stop-strings', 'template']) await one(id);
    await accessible();
  });

  it("begins with the model's own values, keeps the chat's, and goes back", async () => {
    const { calls } = await open('chat', '#/chat/7', (core) => {
      core.state.loaded!.sampling.temperature = Math.fround(0.3);
    });
    await waitFor(() => expect(all('message-user')).toHaveLength(2));
    await click('sheet-toggle');
    const field = await one<HTMLInputElement>('knob-temperature');
    const about = await one('preset-about');
    const configured = () => calls.findLast(({ name }) => name === 'chat_configure')?.request;
    expect(field.value).toBe('0.3');
    expect(about.textContent).toContain('that the model comes with');
    await click('preset-creative');
    await waitFor(() => expect(field.value).toBe('1.1'));
    expect(configured()).toMatchObject({ settings: { sampling: { temperature: 1.1, max_new_tokens: 512 } } });
    await click('sampling-reset');
    await waitFor(() => expect(field.value).toBe('0.3'));
    expect(configured()).toMatchObject({ settings: { sampling: null } });
  });

  it('refuses a value that is none and bounds one that is too large', async () => {
    const { calls } = await open('chat', '#/chat/7');
    await waitFor(() => expect(all('message-user')).toHaveLength(2));
    await click('sheet-toggle');
    const field = await one<HTMLInputElement>('knob-temperature');
    const set = async (text: string) => {
      type(field, text);
      await tick();
      field.dispatchEvent(new Event('change', { bubbles: true }));
    };
    await set('warm');
    await waitFor(() => expect(field.value).toBe('0.7'));
    expect(calls.map(({ name }) => name)).not.toContain('chat_configure');
    await set('9');
    await waitFor(() => expect(field.value).toBe('2'));
  });
});
