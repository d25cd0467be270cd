// Fine-tune's pages with the stand-in behind them.
import { waitFor } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';

import { accessible, all, click, one, open, press, type, type World } from './world';

const run1 = '#/fine-tune/run/run-1';
const text = async (testid: string) => (await one(testid)).textContent?.replace(/\s+/g, ' ').trim() ?? '';
const row = (id: string) => all('run-row').find(({ dataset }) => dataset.run === id);
const within = (parent: HTMLElement | undefined, testid: string) =>
  parent?.querySelector<HTMLElement>(`[data-testid="${testid}"]`);
const asked = ({ calls }: World, name: string) =>
  calls.filter((call) => call.name === name).map(({ request }) => request);

async function state(name: string): Promise<void> {
  await waitFor(() => expect(within(all('run-header')[0], 'run-state')?.dataset.state).toBe(name));
}

describe('the list of runs', () => {
  it('says what the page is for while there is none, and where to begin', async () => {
    await open('empty', '#/fine-tune');
    expect(await text('runs-empty')).toContain('Teach a model with your own data');
    await accessible();
    await click('tune-samples');
    expect(location.hash).toBe('#/fine-tune/new/samples');
  });

  it('shows each run with how it stands and what it reached', async () => {
    await open('runs', '#/fine-tune');
    await waitFor(() => expect(all('run-row').length).toBeGreaterThanOrEqual(8));
    const states = Object.fromEntries(all('run-row').map(({ dataset }) => [dataset.run, dataset.state]));
    expect(states).toMatchObject({
      'run-1': 'finished',
      'run-4': 'failed',
      'run-5': 'interrupted',
      'run-6': 'running',
      'run-7': 'queued',
    });
    const going = row('run-6');
    expect(going?.textContent).toMatch(
      /Kinder answers.*NeuralChat starter · LoRA, rank 16, preferences.*Step 64 of 120/s,
    );
    expect(within(going, 'run-open')?.getAttribute('href')).toBe('#/fine-tune/run/run-6');
    expect(going?.querySelector('[role="progressbar"]')?.getAttribute('aria-valuenow')).toBe('53');
    expect(going?.querySelector('polyline')).not.toBeNull();
    expect(within(row('run-1'), 'adopted-badge')).not.toBeNull();
    expect(row('run-8')?.textContent).toContain('place 2');
    await accessible();
  });

  it('opens the page of one run after that of another', async () => {
    await open('runs', run1);
    await one('plan');
    for (const id of ['run-4', 'run-1', 'run-6']) {
      location.hash = `#/fine-tune/run/${id}`;
      await waitFor(() => expect(all('run-page')[0]?.dataset.run).toBe(id));
      // The whole page, not only the header, which the list of runs could give.
      await waitFor(() => expect(within(all('run-page')[0], 'plan')).not.toBeNull());
    }
  });

  it('compares two to six that are selected', async () => {
    await open('runs', '#/fine-tune');
    await waitFor(() => expect(all('run-select')).toHaveLength(7));
    const button = await one<HTMLButtonElement>('compare');
    expect(button.disabled).toBe(true);
    expect(await text('compare-why')).toContain('Select two to six');
    for (const box of all('run-select')) box.click();
    await waitFor(async () => expect(await text('compare-why')).toContain('7 are selected'));
    for (const box of all('run-select').slice(2)) box.click();
    await waitFor(() => expect(button.disabled).toBe(false));
    button.click();
    expect(location.hash).toBe('#/fine-tune/compare/run-8,run-7');
  });

  it('tells of a crash until it is answered', async () => {
    const world = await open('runs', '#/fine-tune');
    expect(await text('interrupted-banner')).toContain('in the middle of “A night without power” at step 52');
    await click('interrupted-leave');
    await waitFor(() => expect(all('interrupted-banner')).toHaveLength(0));
    expect(asked(world, 'run_resume')).toEqual([]);
    await waitFor(() => expect(row('run-5')?.dataset.state).toBe('interrupted'));
  });

  it('resumes what a crash ended', async () => {
    const world = await open('runs', '#/fine-tune');
    await click('interrupted-resume');
    expect(location.hash).toBe('#/fine-tune/run/run-5');
    expect(asked(world, 'run_resume')).toEqual([{ id: 'run-5' }]);
    await state('queued');
  });

  it('says so at the start of the program on other pages', async () => {
    const world = await open('runs', '#/chat');
    await waitFor(() => expect(all('toast')[0]?.textContent).toContain('A night without power'));
    await click('toast-remedy');
    expect(location.hash).toBe('#/fine-tune/run/run-5');
    await waitFor(() => expect(asked(world, 'run_resume')).toEqual([{ id: 'run-5' }]));
  });

  it('rolls an adoption back', async () => {
    const { core } = await open('runs', '#/fine-tune');
    expect(await text('adopted-banner')).toContain('“Sea terms, first try” is the chat’s default model');
    await click('roll-back');
    await waitFor(() => expect(all('adopted-banner')).toHaveLength(0));
    expect(core.state.loaded?.path).toBe('starter');
    await waitFor(() => expect(all('adopted-badge')).toHaveLength(0));
  });

  it('keeps discarded runs apart and brings them back', async () => {
    await open('runs', '#/fine-tune');
    expect(await text('discarded')).toContain('Discarded (1)');
    within(await one('discarded'), 'restore')?.click();
    await waitFor(() => expect(all('discarded')).toHaveLength(0));
    expect(within(row('run-3'), 'run-select')).not.toBeNull();
  });

  it('discards from a row, which can be undone', async () => {
    await open('runs', '#/fine-tune');
    await waitFor(() => expect(row('run-2')).toBeDefined());
    within(row('run-2'), 'run-menu')?.click();
    await click('row-discard');
    await waitFor(async () => expect(await text('discarded')).toContain('Discarded (2)'));
    await click('toast-undo');
    await waitFor(async () => expect(await text('discarded')).toContain('Discarded (1)'));
  });

  it('shows why a command was refused', async () => {
    const { core } = await open('runs', '#/fine-tune', (before) => {
      before.runs.list = before.runs.list.filter(({ summary }) => summary.id !== 'run-9');
    });
    await waitFor(() => expect(row('run-2')).toBeDefined());
    core.runs.list = core.runs.list.filter(({ summary }) => summary.id !== 'run-2');
    within(row('run-2'), 'run-menu')?.click();
    await click('row-discard');
    expect((await one('error-box')).dataset.code).toBe('not_found');
  });
});

describe('a run’s page', () => {
  const standings: [scene: string, state: string, words: RegExp, buttons: string[]][] = [
    ['run-queued', 'queued', /number 2/, ['run-stop']],
    ['run-held', 'queued', /Let it go on/, ['run-go-on', 'run-stop']],
    ['run-loading', 'preparing', /Loading the model/, ['run-stop']],
    ['run-preparing', 'preparing', /65 %/, ['run-stop']],
    ['run-reference', 'preparing', /25 %/, ['run-stop']],
    ['run-warming', 'warming_up', /first steps/, ['run-pause', 'run-stop']],
    ['run-running', 'running', /learns/, ['run-pause', 'run-stop']],
    ['run-evaluating', 'evaluating', /held-out/, ['run-pause', 'run-stop']],
    ['run-pausing', 'pausing', /as soon as/, ['run-stop']],
    ['run-paused', 'paused', /nothing is lost/, ['run-go-on', 'run-stop']],
    ['run-saving', 'saving', /Saving/, []],
    ['run-comparing', 'comparing', /7 of 20/, []],
    ['run-finished', 'finished', /step 120 was kept/, ['run-discard']],
    ['run-early', 'finished', /early: the held-out loss/, ['run-discard']],
    ['run-stopped', 'stopped', /after step 47/, ['run-resume', 'run-discard']],
    ['run-interrupted', 'interrupted', /go on from step 40/, ['run-resume', 'run-discard']],
    ['run-failed', 'failed', /could not go on/, ['run-resume', 'run-discard']],
    ['run-discarded', 'stopped', /brought back/, ['run-restore']],
  ];

  it.each(standings)('in the state %s', async (scene, name, words, buttons) => {
    await open(scene, run1);
    await state(name);
    expect(await text('run-sentence')).toMatch(words);
    const header = await one('run-header');
    const shown = [...header.querySelectorAll<HTMLElement>('.actions [data-testid]')].map(
      ({ dataset }) => dataset.testid,
    );
    expect(shown).toEqual(buttons);
    await one('plan');
    await accessible();
  });

  it.each([
    ['run-failed', 'error-box', /disk is full.*Make room/i],
    ['run-rolled-back', 'rolled-back', /Step 57 went wrong: The loss .* once, to step 40/],
    ['run-resumed', 'resumed-from', /went on from step 40/],
    ['run-preference', 'health', /Healthy\..*held-out pairs/],
    ['run-drifting', 'health', /Drifting\./],
    ['run-collapsing', 'health', /Collapsing\..*pairs it learns from/],
  ])('in the state %s says what must be known', async (scene, testid, words) => {
    await open(scene, run1);
    expect(await text(testid)).toMatch(words);
    await accessible();
  });

  it('pauses, goes on, stops and saves, resumes and finishes', async () => {
    const world = await open('empty', '#/fine-tune', (core) => {
      core.pace = 2;
      core.runs.enqueue(core.runs.make('Live'));
    });
    location.hash = run1;
    await state('running');
    await click('run-pause');
    await state('paused');
    await click('run-go-on');
    await state('running');
    await click('run-stop');
    await state('stopped');
    const { standing } = world.core.runs.find('run-1').summary;
    expect(standing).toMatchObject({ state: 'stopped' });
    world.core.pace = 0;
    await click('run-resume');
    await state('finished');
    expect(world.calls.map(({ name }) => name).filter((name) => /^run_(pause|go_on|stop|resume)$/.test(name))).toEqual([
      'run_pause',
      'run_go_on',
      'run_stop',
      'run_resume',
    ]);
    await waitFor(async () => expect(await text('score')).toContain('before 3 of 50, after 47 of 50'));
    expect(await text('plan-memory')).toContain('388 MB taken');
  }, 60_000);

  it('is discarded, and brought back by its toast', async () => {
    await open('run-stopped', run1);
    await click('run-discard');
    await one('run-restore');
    await click('toast-undo');
    await one('run-resume');
  });

  it('starts the same again where nothing can be gone on from', async () => {
    const world = await open('run-failed', run1, (core) => {
      const { summary } = core.runs.find('run-1');
      if (summary.standing.state === 'failed') summary.standing.can_resume = false;
    });
    await waitFor(async () => expect((await one<HTMLButtonElement>('run-again')).disabled).toBe(false));
    await click('run-again');
    await waitFor(() => expect(location.hash).toBe('#/fine-tune/run/run-2'));
    expect(asked(world, 'run_start')).toMatchObject([{ name: 'Sea terms', recipe: { model: 'starter' } }]);
  });

  it('says when a run is not there', async () => {
    await open('empty', '#/fine-tune/run/gone');
    expect((await one('error-box')).dataset.code).toBe('not_found');
  });

  it('moves between its parts with the arrow keys', async () => {
    await open('run-running', run1);
    const curves = await one('tab-curves');
    expect(curves.getAttribute('aria-selected')).toBe('true');
    press('ArrowRight', curves);
    await waitFor(async () => expect((await one('tab-samples')).getAttribute('aria-selected')).toBe('true'));
    expect(all('sample-prompt').map((prompt) => prompt.querySelector('h2')?.textContent)).toEqual([
      'What is port on a ship?',
      'Who are you?',
    ]);
    const steps = [...(all('sample-prompt')[0]?.querySelectorAll('li') ?? [])].map((li) => li.textContent?.trim());
    expect(steps[0]).toMatch(/^step 60.*The left side, looking forward\./);
    expect(steps.at(-1)).toMatch(/^step 0.*Port is a place/);
    await accessible();
  });

  it('marks the trained tokens of the first batch, with spaces that can be seen', async () => {
    await open('run-running', run1);
    await click('tab-batch');
    await waitFor(() => expect(all('batch-row')).toHaveLength(3));
    const first = all('batch-row')[0];
    const tokens = [...(first?.querySelectorAll<HTMLElement>('[data-testid="batch-token"]') ?? [])];
    const trained = tokens.filter(({ dataset }) => dataset.trained === 'true').map(({ textContent }) => textContent);
    expect(trained.join('')).toBe('The·left·side,·looking·forward.<|im_end|>');
    expect(tokens[2]?.textContent).toBe('↵');
    expect(await text('batch-share')).toMatch(/^\d+ of \d+ tokens shown are trained, \d+ %$/);
    expect(all('batch-row')[2]?.textContent).toContain('and 118 tokens more');
    expect(first?.textContent).toMatch(/only read:.*trained:/s);
    await accessible();
  });

  it.each([
    ['tab-log', 'run-log', /Saved what was learnt until step 20/],
    ['tab-recipe', 'recipe', /a LoRA adapter.*Learning rate/],
  ])('shows %s', async (tab, testid, words) => {
    await open('run-running', run1);
    await click(tab);
    await waitFor(async () => expect(await text(testid)).toMatch(words));
    await accessible();
  });
});

describe('the result', () => {
  it('shows before and after side by side with those right marked', async () => {
    await open('run-finished', run1);
    await waitFor(() => expect(all('before-after-row').length).toBeGreaterThan(4));
    const right = (side: string) => all(`answer-${side}`).filter(({ dataset }) => dataset.right === 'true').length;
    expect([right('before'), right('after')]).toEqual([1, 7]);
    expect(all('before-after-row')[0]?.textContent).toMatch(/What is port.*Expected: The left side/s);
    expect((await one<HTMLButtonElement>('evaluate-result')).disabled).toBe(true);
    await accessible();
  });

  it('asks both models a question', async () => {
    const world = await open('run-finished', run1);
    type(await one('ask-input'), 'What is the stern?');
    await click('ask-both');
    await waitFor(async () =>
      expect(await text('asked')).toMatch(/I can not help with that\..*The back end of a ship\./),
    );
    expect(asked(world, 'run_ask')).toEqual([{ id: 'run-1', prompt: 'What is the stern?' }]);
    expect((await one<HTMLInputElement>('ask-input')).value).toBe('');
  });

  it('is adopted, and rolled back by the toast', async () => {
    const { core } = await open('run-finished', run1);
    await click('adopt');
    await one('adopted-badge');
    expect(core.state.loaded?.name).toBe('Sea terms');
    await waitFor(() => expect(all('toast')[0]?.textContent).toContain('default model'));
    await click('toast-undo');
    await one('adopt');
    expect(core.state.loaded?.path).toBe('starter');
    expect(all('adopted-badge')).toHaveLength(0);
  });

  it('is chatted with', async () => {
    const world = await open('run-finished', run1);
    await click('chat-with-result');
    await waitFor(() => expect(location.hash).toBe('#/chat'));
    await waitFor(() => expect(world.core.state.loaded?.name).toBe('Sea terms'));
    expect(asked(world, 'model_open')).toEqual([{ path: '/home/ada/.local/share/neuralchat/runs/run-1/model' }]);
  });
});

describe('a comparison', () => {
  it('lays curves over each other and shows the differences only', async () => {
    await open('runs', '#/fine-tune/compare/run-1,run-2');
    const names = async () =>
      [...(await one<HTMLTableElement>('comparison-table')).tBodies[0]!.rows].map((r) => r.cells[0]?.textContent);
    await waitFor(async () => expect(await names()).toEqual(['Learning rate', 'Steps', 'Last loss', 'Held-out loss']));
    await click('differences-only');
    await waitFor(async () => expect(await names()).toHaveLength(9));
    const loss = all('chart').find(({ dataset }) => dataset.kind === 'loss');
    expect(within(loss, 'chart-legend')?.textContent).toMatch(/Sea terms, first try.*Sea terms, higher rate/s);
    await accessible();
  });

  it('says when too many were asked for', async () => {
    const world = await open('runs', '#/fine-tune/compare/a,b,c,d,e,f,g');
    await waitFor(async () => expect(await text('compare-page')).toContain('7 are selected'));
    expect(asked(world, 'runs_compare')).toEqual([]);
  });
});

describe('everywhere', () => {
  it('a command that was refused is told where there is no place for it', async () => {
    const { core } = await open('run-running', '#/chat');
    core.runs.list = [];
    press('k', document.body, { ctrlKey: true });
    type(await one('palette-input'), 'pause');
    await waitFor(() => expect(all('palette-option')[0]?.textContent).toContain('Pause: Sea terms'));
    all('palette-option')[0]?.click();
    await waitFor(() => expect(all('toast')[0]?.textContent).toContain('This run is not there any more.'));
  });

  it('the sidebar tells how far a run is and lists the runs', async () => {
    await open('runs', '#/fine-tune');
    expect((await one('nav-run')).dataset.share).toBe('53');
    expect(all('sidebar-run').map(({ dataset }) => dataset.run)[2]).toBe('run-6');
    await click('nav-chat');
    await waitFor(() => expect(all('sidebar-run')).toHaveLength(0));
    await one('nav-run');
  });

  it('the palette opens, pauses and stops runs', async () => {
    const world = await open('run-running', '#/chat');
    press('k', document.body, { ctrlKey: true });
    const input = await one('palette-input');
    const options = () => all('palette-option').map(({ textContent }) => textContent?.replace(/\s+/g, ' ').trim());
    type(input, 'sea terms');
    await waitFor(() =>
      expect(options()).toEqual(
        expect.arrayContaining(['Pause: Sea terms', 'Stop and save: Sea terms', 'Open run Sea terms Running']),
      ),
    );
    type(input, 'pause');
    await waitFor(() => expect(options()[0]).toBe('Pause: Sea terms'));
    press('Enter', input);
    await waitFor(() => expect(asked(world, 'run_pause')).toEqual([{ id: 'run-1' }]));
    press('k', document.body, { ctrlKey: true });
    type(await one('palette-input'), 'new fine-tuning');
    await waitFor(() => expect(options()[0]).toBe('New fine-tuning'));
    press('Enter', await one('palette-input'));
    await waitFor(() => expect(location.hash).toBe('#/fine-tune/new'));
  });

  it('a closed window asks whether the run goes on', async () => {
    const { core } = await open('run-running', '#/chat');
    core.emit({ type: 'closed_with_run' });
    expect(await text('closed-dialog')).toContain('“Sea terms” goes on in the background.');
    await accessible();
    await click('closed-keep');
    await waitFor(() => expect(all('closed-dialog')).toHaveLength(0));
    expect(core.runs.quit).toBe(false);
    core.emit({ type: 'closed_with_run' });
    await click('closed-quit');
    await waitFor(() => expect(core.runs.quit).toBe(true));
  });

  it('the end of a run is told on other pages', async () => {
    const { core } = await open('run-running', '#/chat');
    core.runs.finish(core.runs.find('run-1'));
    await waitFor(() =>
      expect(
        all('toast')
          .map(({ textContent }) => textContent)
          .join(),
      ).toContain('“Sea terms” is finished.'),
    );
  });
});
