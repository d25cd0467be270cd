import { render, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { useBackend, type Backend, type CommandName, type Recipe, type Request, type RunPlan } from '../src/backend';
import { backendOf, Core } from '../src/backend/mock';
import { fail } from '../src/backend/mock/core';
import { entry, inspection } from '../src/backend/mock/models';
import { recipeOf, wizardCommands, type WizardFacts } from '../src/backend/mock/wizard';
import { app } from '../src/state/app.svelte';
import { models } from '../src/state/models.svelte';
import { toasts } from '../src/state/toasts.svelte';
import { takeDrop, wizard } from '../src/state/wizard.svelte';
import WizardPage from '../src/wizard/WizardPage.svelte';
import { accessible, all, click, one, type } from './world';

interface Stand {
  core: Core;
  calls: { name: CommandName; request: unknown }[];
  /** What was asked of a command, the newest last. */
  asked: <K extends CommandName>(name: K) => Request<K>[];
}

const quick: Partial<WizardFacts> = { look_ms: 0, plan_ms: 0, measure_ms: 0 };
const sampleFile = '/app/samples/ships-cook.jsonl';

/** A core that answers at once, where a test does not say otherwise. */
function stand(
  facts: Partial<WizardFacts> = {},
  own: Partial<Record<CommandName, (request: never) => unknown>> = {},
): Stand {
  const core = new Core();
  const inner = backendOf(core);
  const ours: Record<string, (request: never) => unknown> = {
    ...wizardCommands(core, { ...quick, ...facts }),
    runs_list: () => ({ runs: [], adopted: null }),
    run_start: ({ name }: Request<'run_start'>) => ({ id: 'run-1', name, standing: { state: 'warming_up' } }),
    ...own,
  };
  const calls: Stand['calls'] = [];
  useBackend({
    ...inner,
    call: (async (name, request) => {
      calls.push({ name, request: structuredClone(request) });
      const answer = ours[name];
      return answer ? await answer(request as never) : await inner.call(name, request);
    }) as Backend['call'],
  });
  const asked = <K extends CommandName>(name: K) =>
    calls.filter((call) => call.name === name).map(({ request }) => request as Request<K>);
  return { core, calls, asked };
}

async function open(facts: Partial<WizardFacts> = {}, own?: Parameters<typeof stand>[1]): Promise<Stand> {
  const world = stand(facts, own);
  await models.load();
  render(WizardPage);
  return world;
}

const text = async (testid: string) => ((await one(testid)).textContent ?? '').replace(/\s+/g, ' ').trim();
const enabled = async (testid: string) => !(await one<HTMLButtonElement>(testid)).disabled;

async function go(testid: string): Promise<void> {
  await waitFor(async () => expect(await enabled(testid), testid).toBe(true));
  await click(testid);
}

/** Model and data are chosen; the card of the method is open. */
async function toMethod(sample = sampleFile): Promise<void> {
  await go('base-starter');
  await go('next-data');
  await go(`sample-${sample}`);
  await go('next-method');
  await one('simple-knobs');
}

async function set(testid: string, value: string): Promise<void> {
  const input = await one<HTMLInputElement>(testid);
  input.value = value;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

beforeEach(() => {
  wizard.clear();
  wizard.samples = [];
  wizard.ahead = null;
  toasts.list = [];
  app.settings = { theme: 'light', advanced: false, sidebar_collapsed: false, kernels: null };
  location.hash = '#/fine-tune/new';
});

afterEach(() => vi.useRealTimers());

describe('the wizard', () => {
  it('is walked from model to start', async () => {
    const { asked } = await open();
    expect(await text('standing')).toMatch(/No model is chosen.*No data is chosen/);
    await accessible();
    await go('base-starter');
    expect(await text('line-model')).toContain('NeuralChat starter, 2.0 M weights');
    await go('next-data');
    await go(`sample-${sampleFile}`);
    await waitFor(async () => expect(await text('line-data')).toBe('ships-cook.jsonl, 400 rows'));
    expect(await text('data-rows')).toContain('Pea soup with rye bread');
    await accessible();
    await go('next-method');
    await waitFor(async () => expect(await text('line-method')).toBe('SFT, LoRA of rank 8, 1 pass'));
    await accessible();
    await set('knob-optimisation.epochs', '4');
    await waitFor(async () => expect(await text('line-method')).toContain('4 passes'));
    await go('next-review');
    await waitFor(async () => expect(await text('time')).toMatch(/about \d+ s \(\d+ s to \d+ s\)/));
    expect(asked('run_plan').at(-1)).toMatchObject({ measure: true, recipe: { optimisation: { epochs: 4 } } });
    expect(await text('figures')).toMatch(/Rows used 380.*Steps 192/);
    expect(await text('memory-parts')).toMatch(/^The model’s weights ?3\.9 MB/);
    expect(await text('intention')).toMatch(/^NeuralChat starter learns to answer like 380 rows/);
    expect((await one<HTMLInputElement>('run-name')).value).toBe('NeuralChat starter, ships-cook');
    await accessible();
    type(await one('run-name'), 'The cook');
    await go('start');
    await waitFor(() => expect(location.hash).toBe('#/fine-tune/run/run-1'));
    const [started] = asked('run_start');
    expect(started?.name).toBe('The cook');
    expect(started?.recipe).toEqual(asked('run_plan').at(-1)?.recipe);
    expect(started?.recipe.data.files).toEqual([sampleFile]);
  });

  it('is jumped in, and keeps what was chosen while other pages are looked at', async () => {
    await open();
    await toMethod();
    await click('step-model');
    expect((await one<HTMLInputElement>('base-starter')).checked).toBe(true);
    expect((await one('step-model')).getAttribute('aria-expanded')).toBe('true');
    document.body.innerHTML = '';
    render(WizardPage);
    expect(await text('line-data')).toBe('ships-cook.jsonl, 400 rows');
    await click('wizard-clear');
    await waitFor(async () => expect(await text('line-data')).toBe(''));
  });

  it('begins with the starter and a sample set when asked for samples, once', async () => {
    location.hash = '#/fine-tune/new/samples';
    const { asked } = await open();
    await waitFor(async () => expect(await text('line-data')).toBe('ships-cook.jsonl, 400 rows'));
    expect(await text('line-model')).toContain('NeuralChat starter');
    expect(location.hash).toBe('#/fine-tune/new');
    await go('next-method');
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe).toMatchObject({ model: 'starter', stage: 'sft' }));
  });

  it('cannot be started without a name', async () => {
    await open();
    await toMethod();
    await go('next-review');
    await waitFor(async () => expect(await enabled('start')).toBe(true));
    type(await one('run-name'), ' ');
    await waitFor(async () => expect(await text('why-not')).toBe('The run has no name.'));
    expect(await enabled('start')).toBe(false);
  });

  it('says that a run waits behind another one', async () => {
    const { asked } = await open(
      {},
      {
        runs_list: () => ({
          runs: [{ id: 'other', name: 'Night run', discarded: null, standing: { state: 'running' } }],
          adopted: null,
        }),
        run_start: () => ({ id: 'run-2', name: 'One', standing: { state: 'queued', position: 1, on_hold: false } }),
      },
    );
    await toMethod();
    await go('next-review');
    await waitFor(async () => expect(await text('why-not')).toContain('until “Night run” is over'));
    expect(await text('start')).toBe('Put in the queue');
    await go('start');
    await waitFor(() => expect(asked('run_start')).toHaveLength(1));
    await waitFor(() => expect(toasts.list[0]?.text).toBe('“One” waits in the queue.'));
  });

  it('shows why a start was refused', async () => {
    await open(
      {},
      {
        run_start: () => {
          throw fail('storage', 'The disk is full.', 'Make room.');
        },
      },
    );
    await toMethod();
    await go('next-review');
    await go('start');
    expect(await text('error-box')).toContain('The disk is full.');
    expect(location.hash).toBe('#/fine-tune/new');
    expect(await enabled('start')).toBe(true);
  });
});

describe('a blocker', () => {
  it('keeps Start disabled and sends its fix', async () => {
    const { asked } = await open({ available_bytes: 60_000_000 });
    await toMethod();
    await go('next-review');
    await waitFor(async () => expect(await text('why-not')).toMatch(/^The run takes 0\.063 GB of memory/));
    expect(await enabled('start')).toBe(false);
    await accessible();
    await go('obstacle-button');
    await waitFor(() => {
      const recipe = asked('run_plan').at(-1)?.recipe;
      expect(recipe?.optimisation).toMatchObject({ micro_batch: 1, accumulation: 8 });
      expect(recipe?.machine.activation_checkpointing).toBe(true);
    });
    await waitFor(async () => expect(await enabled('start')).toBe(true));
    expect(all('obstacle')).toHaveLength(0);
  });

  it('without a fix shows the card where it can be changed, with every knob', async () => {
    await open({ disk_free_bytes: 1000 });
    await toMethod();
    await go('next-review');
    await waitFor(async () => expect(await text('obstacle')).toContain('Checkpoints and the result take'));
    await go('obstacle-button');
    await waitFor(async () => expect((await one('step-method')).getAttribute('aria-expanded')).toBe('true'));
    await one('knob-checkpoints.keep');
    expect(app.settings.advanced).toBe(true);
  });

  it('shows a plan that failed, with Retry', async () => {
    let fails = true;
    const { asked } = await open(
      {},
      {
        run_plan: () => {
          if (fails) throw fail('storage', 'The disk did not answer.', 'Try again.');
          return { blockers: [], warnings: ['Nearly all memory.'], figures: null };
        },
      },
    );
    await toMethod();
    expect(await text('error-box')).toContain('The disk did not answer.');
    const before = asked('run_plan').length;
    fails = false;
    await go('error-remedy');
    await waitFor(() => expect(all('error-box')).toHaveLength(0));
    expect(asked('run_plan')).toHaveLength(before + 1);
  });
});

describe('data', () => {
  it('says which rows are refused, why, where first, and what to do', async () => {
    await open({ pick: ['/d/exported.csv'] });
    await go('base-starter');
    await go('next-data');
    await go('data-pick');
    expect(await text('data-file')).toMatch(
      /exported\.csv .*questions and answers, 1.043 rows can be used, 197 cannot/,
    );
    expect(await text('refused')).toMatch(/181 The row has another number.*First in row 14\. Put fields/);
    await accessible();
  });

  it('of the wrong kind for the method is said, and another method offered', async () => {
    const { asked } = await open({ pick: ['/d/answers.jsonl'] });
    await go('base-starter');
    await click('step-method');
    await go('stage-preference');
    await click('step-data');
    await go('data-pick');
    expect(await text('wrong-kind')).toMatch(/hold one answer each\. Preferences need/);
    expect(await enabled('next-method')).toBe(false);
    expect(asked('run_plan')).toHaveLength(0);
    await accessible();
    await go('convert');
    await waitFor(async () => expect(await enabled('next-method')).toBe(true));
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe.stage).toBe('sft'));
  });

  it('chooses the method it is for; of pairs the chosen answers can be learnt', async () => {
    const { asked } = await open({ pick: ['/d/preferred.jsonl'] });
    await go('base-starter');
    await go('next-data');
    await go('data-pick');
    await waitFor(() => expect(asked('recipe_new').at(-1)?.stage).toBe('preference'));
    expect(await text('data-rows')).toContain('Rejected answer');
    await click('step-method');
    await go('stage-sft');
    await click('step-data');
    expect(await text('chosen-only')).toContain('The chosen answers are learnt');
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe).toMatchObject({ stage: 'sft' }));
    await go('convert');
    await waitFor(() => expect(asked('recipe_new').at(-1)?.stage).toBe('preference'));
    expect(all('chosen-only')).toHaveLength(0);
  });

  it('that cannot be read stands in the way until it is taken off', async () => {
    await open({ pick: ['/d/answers.jsonl', '/d/holiday.json'] });
    await go('base-starter');
    await go('next-data');
    await go('data-pick');
    expect(await text('error-box')).toContain('holiday.json is not a training file');
    expect(await text('standing')).toContain('holiday.json cannot be used.');
    all('data-remove')[1]?.click();
    await waitFor(async () => expect(await enabled('next-method')).toBe(true));
    expect(all('obstacle')).toHaveLength(0);
  });

  it('of one’s own takes the place of a sample, and more files are added to it', async () => {
    const { asked } = await open({ pick: ['/d/one.jsonl'] });
    await go('base-starter');
    await go('next-data');
    await go(`sample-${sampleFile}`);
    await go('data-pick');
    await waitFor(() => expect(asked('data_look').at(-1)?.files).toEqual(['/d/one.jsonl']));
    await wizard.addFiles(['/d/two.jsonl', '/d/one.jsonl']);
    expect(asked('data_look').at(-1)?.files).toEqual(['/d/one.jsonl', '/d/two.jsonl']);
  });

  it('changes nothing when the dialog is cancelled', async () => {
    const { asked } = await open({ pick: [] });
    await go('base-starter');
    await go('next-data');
    await go('data-pick');
    await waitFor(() => expect(asked('data_pick')).toHaveLength(1));
    expect(asked('data_look')).toHaveLength(0);
    expect(wizard.files).toEqual([]);
  });
});

describe('a model', () => {
  it('is opened by dialog without loading it', async () => {
    const { asked } = await open();
    await go('base-folder');
    await waitFor(async () => expect(await text('line-model')).toContain('stories260k'));
    expect(asked('model_inspect')).toEqual([{ path: '/home/ada/models/stories260k' }]);
    expect(asked('model_open')).toEqual([]);
  });

  it('that is an adapter is refused', async () => {
    await open({}, { model_inspect: () => inspection('/m/cook', { name: 'cook', base: '/m/q4.gguf' }) });
    await go('base-folder');
    await waitFor(async () => expect(await text('card-model')).toContain('cook is an adapter.'));
    expect(wizard.model).toBeNull();
  });

  it('in few bits is trained by an adapter beside it', async () => {
    const { core } = stand();
    core.models.push(entry(inspection('/m/q4.gguf', { name: 'Q4 model', weight_type: 'Q4_K' })));
    await models.load();
    render(WizardPage);
    wizard.chooseModel('/m/q4.gguf');
    await wizard.addFiles(['/d/answers.jsonl']);
    await click('step-method');
    expect((await one<HTMLInputElement>('method-full')).disabled).toBe(true);
    expect(await text('card-method')).toContain('LoRA on a 4-bit base');
  });
});

describe('the method', () => {
  it('takes a preset, and gives the person’s own values back', async () => {
    const { asked } = await open();
    await toMethod();
    await set('knob-method.rank', '32');
    await go('reset-method.rank');
    await waitFor(async () => expect((await one<HTMLInputElement>('knob-method.rank')).value).toBe('8'));
    await set('knob-method.rank', '64');
    await go('preset-balanced');
    await waitFor(async () => expect((await one<HTMLInputElement>('knob-method.rank')).value).toBe('16'));
    expect(asked('recipe_new').at(-1)?.preset).toBe('balanced');
    toasts.list[0]?.action?.run();
    await waitFor(async () => expect((await one<HTMLInputElement>('knob-method.rank')).value).toBe('64'));
    expect(wizard.preset).toBe('quick_taste');
    await go('knobs-reset');
    await waitFor(async () => expect((await one<HTMLInputElement>('knob-method.rank')).value).toBe('8'));
    expect(all('knobs-reset')).toHaveLength(0);
  });

  it('keeps the person’s own values when the data changes', async () => {
    const { asked } = await open();
    await toMethod();
    await set('knob-optimisation.learning_rate', '1e-3');
    await wizard.addFiles(['/d/other.jsonl']);
    await waitFor(() =>
      expect(asked('run_plan').at(-1)?.recipe).toMatchObject({
        data: { files: ['/d/other.jsonl'] },
        optimisation: { learning_rate: 0.001 },
      }),
    );
  });

  it('shows every knob in Advanced, and sends none that the loss does not know', async () => {
    const { asked } = await open();
    await toMethod('/app/samples/short-answers.jsonl');
    await go('level-advanced');
    await set('knob-preference.label_smoothing', '10');
    await one('knob-optimisation.betas-1');
    await accessible();
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe.preference.label_smoothing).toBe(0.1));
    await go('family-orpo');
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe.preference.loss).toBe('orpo'));
    expect(Object.keys(asked('run_plan').at(-1)?.recipe.preference ?? {}).sort()).toEqual([
      'loss',
      'max_prompt_tokens',
      'reference_free',
      'truncation',
    ]);
    expect(all('knob-preference.label_smoothing')).toHaveLength(0);
    await one('knob-preference.lambda');
  });

  it('trains all weights when asked', async () => {
    const { asked } = await open();
    await toMethod();
    await go('method-full');
    await waitFor(() => expect(asked('run_plan').at(-1)?.recipe.method).toEqual({ kind: 'full' }));
    expect(all('knob-method.rank')).toHaveLength(0);
  });
});

describe('a recipe', () => {
  it('is opened from a file, changed and saved', async () => {
    const { asked } = await open();
    await go('recipe-open');
    await waitFor(async () => expect(await text('line-data')).toMatch(/support-answers/));
    await click('step-method');
    expect((await one<HTMLInputElement>('knob-optimisation.learning_rate')).value).toBe('0.0001');
    expect(await text('card-method')).toContain('support.toml');
    await set('knob-optimisation.epochs', '7');
    await go('recipe-save');
    await waitFor(() =>
      expect(asked('recipe_save')[0]?.optimisation).toMatchObject({ epochs: 7, learning_rate: 1e-4 }),
    );
    expect(asked('recipe_new')).toHaveLength(0);
  });

  it('is not changed when the dialog is cancelled, and an error is shown', async () => {
    await open({ recipe: null });
    await go('recipe-open');
    await waitFor(() => expect(wizard.base).toBeNull());
    expect(all('error-box')).toHaveLength(0);
    wizard.openError = fail('bad_request', 'Line 3 has no known key.', 'Correct the line.');
    expect(await text('error-box')).toContain('Line 3');
    await accessible();
  });
});

describe('a drop', () => {
  it('of data goes to the data, of a recipe into the wizard, of others elsewhere', async () => {
    const { asked } = stand();
    location.hash = '#/chat';
    expect(takeDrop(['/m/model.gguf'])).toBe(false);
    expect(location.hash).toBe('#/chat');
    expect(takeDrop(['/d/rows.jsonl'])).toBe(true);
    expect(location.hash).toBe('#/fine-tune/new');
    expect(wizard.step).toBe('data');
    await waitFor(() => expect(wizard.look?.files[0]?.path).toBe('/d/rows.jsonl'));
    expect(takeDrop(['/d/mine.toml'])).toBe(true);
    await waitFor(() => expect(asked('recipe_open')).toEqual([{ path: '/d/mine.toml' }]));
    await waitFor(() => expect(wizard.opened).toBe('/d/mine.toml'));
    expect(wizard.step).toBe('review');
  });
});

describe('plans', () => {
  interface Asked {
    recipe: Recipe;
    measure: boolean;
    answer: (memory: number) => void;
  }

  /** Plans are answered when the test says so. */
  async function planned(): Promise<Asked[]> {
    vi.useFakeTimers();
    const plans: Asked[] = [];
    stand(
      {},
      {
        data_look: () => ({ files: [{ error: null, rows: 3, used: 3, refused: [] }], rows: [], stage: 'sft' }),
        recipe_new: (request: Request<'recipe_new'>) => recipeOf(request),
        run_plan: ({ recipe, measure }: Request<'run_plan'>) =>
          new Promise<RunPlan>((done) =>
            plans.push({
              recipe,
              measure,
              answer: (memory) => done({ blockers: [], warnings: [`${memory}`], figures: null }),
            }),
          ),
      },
    );
    wizard.chooseModel('starter');
    await wizard.addFiles(['/d/rows.jsonl']);
    return plans;
  }

  it('are asked for once changes have settled, without measuring', async () => {
    const plans = await planned();
    wizard.change('optimisation.epochs', 2);
    await vi.advanceTimersByTimeAsync(299);
    wizard.change('optimisation.epochs', 3);
    await vi.advanceTimersByTimeAsync(299);
    expect(plans).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(plans.map(({ recipe, measure }) => [recipe.optimisation.epochs, measure])).toEqual([[3, false]]);
  });

  it('that come late do not take the place of newer ones', async () => {
    const plans = await planned();
    await vi.advanceTimersByTimeAsync(300);
    wizard.change('optimisation.epochs', 5);
    await vi.advanceTimersByTimeAsync(300);
    plans[1]?.answer(2);
    await vi.advanceTimersByTimeAsync(0);
    expect(wizard.plans.plan?.warnings).toEqual(['2']);
    plans[0]?.answer(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(wizard.plans.plan?.warnings).toEqual(['2']);
    expect(wizard.plans.planning).toBe(false);
  });

  it('measure on Review, once for a recipe', async () => {
    const plans = await planned();
    await vi.advanceTimersByTimeAsync(300);
    plans[0]?.answer(1);
    wizard.go('review');
    await vi.advanceTimersByTimeAsync(0);
    expect(plans.at(-1)?.measure).toBe(true);
    expect(wizard.whyNot).toBe('Measuring this computer, about two seconds.');
    plans.at(-1)?.answer(2);
    await vi.advanceTimersByTimeAsync(0);
    expect(wizard.whyNot).toBeNull();
    wizard.go('method');
    wizard.go('review');
    await vi.advanceTimersByTimeAsync(1000);
    expect(plans).toHaveLength(2);
    wizard.change('optimisation.epochs', 9);
    await vi.advanceTimersByTimeAsync(300);
    expect(plans).toHaveLength(3);
  });

  it('hold no longer when the data is gone', async () => {
    const plans = await planned();
    await vi.advanceTimersByTimeAsync(300);
    const removed = wizard.removeFile('/d/rows.jsonl');
    plans[0]?.answer(1);
    await removed;
    await vi.advanceTimersByTimeAsync(1000);
    expect(wizard.plans.plan).toBeNull();
    expect(wizard.whyNot).toBe('No data is chosen.');
  });
});
