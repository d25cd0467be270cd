import { expect } from 'vitest';

import { beginWithFile, inventWord, runNamed, runsOf, stands, steps, teach } from '../harness/finetune';
import type { Page } from '../harness/page';
import { record } from '../harness/pictures';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

interface Recipe {
  data: { files: string[] };
  optimisation: { epochs?: number; learning_rate: number };
}

/** Begins a run without the wizard, with the preset for a file, changed. */
async function begin(page: Page, file: string, name: string, change: (recipe: Recipe) => void): Promise<string> {
  const request = { model: 'starter', files: [file], stage: 'sft', preset: 'quick_taste' };
  const recipe = await page.ask<Recipe>('recipe_new', request);
  change(recipe);
  return (await page.ask<{ id: string }>('run_start', { name, recipe })).id;
}

async function openRun(page: Page, id: string): Promise<void> {
  await page.driver.executeScript((run: string) => (location.hash = `#/fine-tune/run/${run}`), id);
  await until('the page of the run', async () => (await page.attribute('run-page', 'data-run')) === id);
}

windowTest('runs in their states: queued, stopped, failed, finished, compared, discarded', async ({ home, open }) => {
  const file = teach(home, inventWord());
  const page = await open();
  const knobs = { 'optimisation.epochs': 200, 'optimisation.learning_rate': 0.005 };
  await beginWithFile(page, file, 'A long one', knobs);
  const long = await runNamed(page, 'A long one');
  const short = await begin(page, file, 'A short one', (recipe) => (recipe.optimisation.epochs = 3));
  const bad = await begin(page, file, 'A bad one', (recipe) => (recipe.data.files = ['/nowhere/rows.jsonl']));
  await openRun(page, short);
  await stands(page, 'queued');
  await record(page, 'run-queued');
  await openRun(page, long.id);
  await steps(page, long.id, 4);
  await page.click('run-stop');
  await stands(page, 'stopped');
  await record(page, 'run-stopped');
  await openRun(page, bad);
  await stands(page, 'failed');
  await page.waitForText('run-page', '/nowhere/rows.jsonl');
  await record(page, 'run-failed');
  await openRun(page, short);
  await stands(page, 'finished');

  await page.click('all-runs');
  await page.find('run-row');
  for (const nth of [1, 2]) await page.click('run-select', { nth });
  await record(page, 'runs-chosen');
  await page.click('compare');
  await page.find('comparison-table');
  await page.waitForText('comparison-table', 'optimisation.epochs');
  await record(page, 'runs-compared');
  await page.click('nav-fine-tune');
  await openRun(page, bad);
  await page.click('run-discard');
  await until('the run to be discarded', async () => {
    const runs = await runsOf(page);
    return (runs.find(({ id }) => id === bad) as { discarded?: string | null } | undefined)?.discarded !== null;
  });
  await page.click('nav-fine-tune');
  await page.waitForText('discarded', '1');
  expect(await page.problems()).toEqual([]);
});
