import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'vitest';

import { answered, loaded, send, setKnobs } from '../harness/chat';
import { runMilliseconds, runsOf, stands, steps, viewOf } from '../harness/finetune';
import { Key, type Page } from '../harness/page';
import { record } from '../harness/pictures';
import { artefacts } from '../harness/places';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

/** Counts how long the page's main thread is away, from now on. */
async function watchThread(page: Page): Promise<void> {
  await page.driver.executeScript(() => {
    const gaps: number[] = [];
    let last = performance.now();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      const now = performance.now();
      if (now - last > 50) gaps.push(Math.round(now - last));
      last = now;
      setTimeout(() => port2.postMessage(null), 5);
    };
    port2.postMessage(null);
    Object.assign(window, { gaps });
  });
}

const gapsOf = (page: Page) =>
  page.driver.executeScript<number[]>(() => (window as unknown as { gaps: number[] }).gaps.splice(0));

/** A question of about 32 tokens. */
const longQuestion = 'Hello! I am new here and I would like to know: what can you do for me on this computer today?';

windowTest(
  'a newcomer fine-tunes the starter on the sample data, from the first click to a chat with the result',
  async ({ open }) => {
    const page = await open();
    await page.click('nav-fine-tune');
    await page.find('runs-empty');
    await record(page, 'finetune-empty');
    await page.click('tune-samples');
    await page.find('data-rows');
    await page.click('step-model');
    await page.find('base-starter');
    await record(page, 'wizard-model');
    await page.click('step-data');
    await page.find('data-rows');
    await record(page, 'wizard-data');
    await page.click('step-method');
    await page.find('simple-knobs');
    await record(page, 'wizard-method');
    await page.click('step-review');
    // The time comes last: this computer is measured for it.
    await page.find('time');
    await until('a start without obstacles', async () => (await page.find('start')).isEnabled());
    await record(page, 'wizard-review');
    await page.click('start');
    await page.find('run-page');
    const { id } = await until('the run', async () => (await runsOf(page))[0]);

    await steps(page, id, 4);
    await watchThread(page);
    await steps(page, id, 12);
    const gaps = await gapsOf(page);
    await page.click('run-pause');
    await stands(page, 'paused');
    await record(page, 'run-paused');
    await page.click('run-go-on');
    await stands(page, 'running');
    await record(page, 'run-running');

    // The chat stays usable meanwhile.
    await page.click('nav-chat');
    await setKnobs(page, { temperature: 0, max_new_tokens: 40 });
    await send(page, longQuestion);
    await answered(page, 'complete').catch(() => answered(page, 'length'));
    const chat = await page.text('badge-speed').catch(() => '');
    const going = (await runsOf(page))[0]?.standing.state;
    writeFileSync(join(artefacts, 'while-training.json'), JSON.stringify({ gaps, chat, going }, null, 2));

    await page.click('nav-fine-tune');
    await page.find('run-row');
    await record(page, 'runs-list');
    await page.click('run-open');
    await stands(page, 'finished');
    await page.find('before-after-row');
    await record(page, 'run-finished');
    const { plan, before_after: compared } = await viewOf(page, id);
    expect(plan.planned_seconds, 'foretold').not.toBeNull();
    expect(plan.seconds, 'taken').toBeGreaterThan(0);
    await page.find('plan');
    expect(compared?.compared, 'unseen questions').toBeGreaterThanOrEqual(50);
    const points = (right: number) => (100 * right) / (compared?.compared ?? 1);
    const better = points(compared?.right_after ?? 0) - points(compared?.right_before ?? 0);
    expect(better, 'points better').toBeGreaterThanOrEqual(30);
    for (const tab of ['curves', 'samples', 'batch', 'log', 'recipe']) {
      await page.click(`tab-${tab}`);
      await record(page, `run-${tab}`);
    }
    await page.click('tab-result');
    await page.type('ask-input', 'Sort this message: My parcel came broken.');
    await page.press(Key.ENTER);
    await page.find('asked');
    await page.click('adopt');
    await page.find('adopted-badge');
    await record(page, 'run-adopted');
    const result = await until('the result', async () => (await runsOf(page))[0]?.result);
    await loaded(page, result);
    await page.click('nav-chat');
    await page.click('new-chat');
    await send(page, 'Hello!');
    expect((await answered(page)).length).toBeGreaterThan(0);
  },
  runMilliseconds * 2,
);
