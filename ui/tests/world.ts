// The whole page with the stand-in core behind it, in a state of the test's choosing.
import { render, waitFor } from '@testing-library/svelte';
import axe from 'axe-core';
import { expect } from 'vitest';

import App from '../src/App.svelte';
import { useBackend, type Backend, type CommandName } from '../src/backend';
import { backendOf, Core } from '../src/backend/mock';
import { scene } from '../src/backend/mock/scenes';
import { app } from '../src/state/app.svelte';
import { chats } from '../src/state/chats.svelte';
import { conversation } from '../src/state/conversation.svelte';
import { links } from '../src/state/links.svelte';
import { models } from '../src/state/models.svelte';
import { runPage } from '../src/state/run.svelte';
import { runs } from '../src/state/runs.svelte';
import { toasts } from '../src/state/toasts.svelte';

export interface World {
  core: Core;
  /** Commands that were called, with what they were asked. */
  calls: { name: CommandName; request: unknown }[];
}

let numbers = 0;

/** Opens the page. Each world numbers its events far above the one before, as a restarted core would. */
export async function open(state: string, hash = '#/chat', change?: (core: Core) => void): Promise<World> {
  localStorage.clear();
  toasts.list = [];
  app.palette = app.sheet = false;
  links.url = null;
  app.settings = { theme: 'light', advanced: false, sidebar_collapsed: false, kernels: null };
  models.known = chats.known = false;
  models.error = chats.error = runs.error = null;
  runs.closing = false;
  runs.left = [];
  runs.forget();
  runPage.close();
  chats.search = '';
  await conversation.open(null);
  conversation.dismiss();
  conversation.drafts.set(null, '');
  conversation.draft = '';

  const core = new Core();
  core.pace = 1;
  core.settings.theme = 'light';
  scene(core, state);
  change?.(core);
  core.seq = numbers += 100_000;
  const inner: Backend = backendOf(core);
  const calls: World['calls'] = [];
  useBackend({
    ...inner,
    call: (name, request) => {
      calls.push({ name, request });
      return inner.call(name, request);
    },
  });
  location.hash = hash;
  window.dispatchEvent(new Event('hashchange'));
  render(App);
  await waitFor(() => expect(models.known && chats.known && runs.known).toBe(true));
  return { core, calls };
}

export function all(testid: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`)];
}

/** The one element with a test id, once it is there. */
export async function one<T extends HTMLElement = HTMLElement>(testid: string): Promise<T> {
  return await waitFor(() => {
    const found = all(testid);
    expect(found, testid).toHaveLength(1);
    return found[0] as T;
  });
}

export async function click(testid: string): Promise<void> {
  (await one(testid)).click();
}

export function type(field: HTMLElement, text: string): void {
  (field as HTMLInputElement).value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}

export function press(key: string, target: EventTarget = document.body, change: KeyboardEventInit = {}): void {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...change }));
}

/** Everything axe knows about this page; colours need a real window and are checked there. */
export async function accessible(): Promise<void> {
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
  expect(told).toEqual([]);
}
