import { expect } from 'vitest';

import { answered, loaded, send, setKnobs } from '../harness/chat';
import {
  beginWithFile,
  inventWord,
  losses,
  runMilliseconds,
  runNamed,
  stands,
  steps,
  teach,
  viewOf,
} from '../harness/finetune';
import type { Page } from '../harness/page';
import { record } from '../harness/pictures';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

const question = 'Tell me the code word.';

/** Asks in a new chat, greedily. */
async function ask(page: Page): Promise<string> {
  await page.click('nav-chat');
  await page.click('new-chat');
  await setKnobs(page, { temperature: 0, max_new_tokens: 60 });
  await send(page, question);
  return answered(page);
}

/** Enough for the starter to learn a word it has never seen. */
const enough = { 'optimisation.epochs': 12, 'optimisation.learning_rate': 0.005 };

windowTest(
  'a word that was made up is learnt in the window, survives a restart and is gone after rolling back',
  async ({ home, open }) => {
    const word = inventWord();
    const data = teach(home, word);
    let page = await open();
    expect(await ask(page), 'before').not.toContain(word);
    await beginWithFile(page, data, 'The word', enough);
    const run = await runNamed(page, 'The word');
    await stands(page, 'finished');
    const view = await viewOf(page, run.id);
    expect(view.plan.planned_memory_bytes, 'foretold').toBeGreaterThan(0);
    expect(view.plan.planned_seconds, 'foretold').not.toBeNull();
    expect(view.plan.seconds, 'taken').toBeGreaterThan(0);
    await page.find('before-after-row');
    await page.click('adopt');
    const result = await until('a result', async () => (await runNamed(page, 'The word')).result);
    await loaded(page, result);
    expect(await ask(page), 'after').toContain(word);

    await page.close();
    page = await open();
    await loaded(page, result);
    expect(await ask(page), 'after a restart').toContain(word);

    await page.click('nav-fine-tune');
    await page.click('roll-back');
    await loaded(page, 'starter');
    expect(await ask(page), 'after rolling back').not.toContain(word);
  },
  runMilliseconds * 2,
);

windowTest(
  'a run that is killed is offered at the next start and ends with the losses of an undisturbed one',
  async ({ home, open }) => {
    const data = teach(home, inventWord());
    const long = { ...enough, 'optimisation.epochs': 24 };
    let page = await open();
    await beginWithFile(page, data, 'Undisturbed', long);
    const whole = await runNamed(page, 'Undisturbed');
    await stands(page, 'finished');
    await beginWithFile(page, data, 'Killed', long);
    const { id } = await runNamed(page, 'Killed');
    await steps(page, id, 10);
    await page.kill();

    page = await open();
    await page.click('nav-fine-tune');
    await page.waitForText('interrupted-resume', 'Resume');
    await record(page, 'run-interrupted');
    await page.click('interrupted-resume');
    await until(
      'the run to be finished',
      async () => (await runNamed(page, 'Killed')).standing.state === 'finished',
      runMilliseconds,
    );
    const view = await viewOf(page, id);
    expect(view.resumed_from, 'it went on from a checkpoint').toBeGreaterThan(0);
    expect(await losses(page, id)).toEqual(await losses(page, whole.id));
  },
  runMilliseconds * 2,
);
