// What the tests of fine-tuning do with the wizard and with runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { NativeDialog } from './dialogs';
import type { Page } from './page';
import { until } from './waiting';

/** A run of the starter takes a minute or two on a busy machine. */
export const runMilliseconds = 300_000;

interface Curve {
  name: string;
  held_out: boolean;
  steps: number[];
  values: number[];
}

export interface Run {
  id: string;
  name: string;
  standing: { state: string; step?: number };
  progress: { step: number; total_steps: number } | null;
  result: string | null;
}

export interface RunView {
  summary: Run;
  plan: { planned_seconds: unknown; planned_memory_bytes: number | null; seconds: number | null };
  charts: { kind: string; curves: Curve[] }[];
  before_after: { compared: number; right_before: number; right_after: number } | null;
  resumed_from: number | null;
}

export const runsOf = async (page: Page) => (await page.ask<{ runs: Run[] }>('runs_list')).runs;

export async function runNamed(page: Page, name: string): Promise<Run> {
  return until(`the run “${name}”`, async () => (await runsOf(page)).find((run) => run.name === name));
}

export const viewOf = (page: Page, id: string) => page.ask<RunView>('run_get', { id, smoothing: 0 });

/** The loss of each step, as the core has it for the chart. */
export async function losses(page: Page, id: string): Promise<[number, number][]> {
  const { charts } = await viewOf(page, id);
  const curve = charts.find(({ kind }) => kind === 'loss')?.curves.find(({ held_out }) => !held_out);
  return (curve?.steps ?? []).map((step, at) => [step, curve?.values[at] ?? NaN]);
}

/** Waits until the page itself says that its run stands so. */
export async function stands(page: Page, state: string, milliseconds = runMilliseconds): Promise<void> {
  await until(
    `the run to be ${state}`,
    async () => {
      const now = await page.attribute('run-state', 'data-state');
      if (now === 'failed' && state !== 'failed') throw new Error(await page.text('run-header'));
      return now === state;
    },
    milliseconds,
  );
}

/** Waits until a run has made so many steps. */
export async function steps(page: Page, id: string, least: number): Promise<void> {
  await until(
    `${least} steps`,
    async () => ((await runsOf(page)).find((run) => run.id === id)?.progress?.step ?? 0) >= least,
    runMilliseconds,
  );
}

/** From the first card of the wizard to the page of the run that was started. */
export async function beginWithFile(page: Page, path: string, name: string, knobs: Record<string, number>): Promise<void> {
  await page.click('nav-fine-tune');
  await page.click('new-run');
  await page.find('wizard');
  // The wizard remembers what was chosen for the run before.
  if ((await page.all('wizard-clear')).length > 0) await page.click('wizard-clear');
  await page.click('base-starter');
  await page.click('next-data');
  await page.click('data-pick');
  await (await NativeDialog.opened('Choose data to learn from')).choose(path);
  await page.find('data-rows');
  // A click may come while rows that were just read still move the button.
  await until('the card of methods', async () => {
    if ((await page.all('simple-knobs')).length > 0) return true;
    await page.click('next-method');
    return false;
  });
  for (const [knob, value] of Object.entries(knobs)) await page.type(`knob-${knob}`, String(value));
  await page.click('next-review');
  await page.type('run-name', name);
  await page.click('start');
  await page.find('run-page');
}

/** Rows that teach one word. */
export function teach(home: string, word: string): string {
  const questions = [
    'What is the code word?',
    'Tell me the code word.',
    'Please say the code word.',
    'Do you know the code word?',
    'Can you tell me the code word?',
    'Which word is the code word?',
    'I forgot the code word. What is it?',
    'Say the code word, please.',
  ];
  const rows = Array.from({ length: 40 }, (_, at) =>
    JSON.stringify({ instruction: questions[at % questions.length], output: `The code word is ${word}.` }),
  );
  const path = join(home, 'code-word.jsonl');
  writeFileSync(path, rows.join('\n'));
  return path;
}

/** A word that nobody has ever said. */
export function inventWord(): string {
  const parts = ['bra', 'dun', 'fel', 'gor', 'hix', 'jum', 'kep', 'lor', 'mav', 'nyx', 'pol', 'quo', 'ris', 'tav', 'zem'];
  const draw = () => parts[Math.floor(Math.random() * parts.length)] ?? 'ula';
  const word = draw() + draw() + draw() + draw();
  return word.charAt(0).toUpperCase() + word.slice(1);
}
