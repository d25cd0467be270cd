import type { CommandName, Request, Response } from '../index';
import type { ComparisonRow, RunsView } from '../types';
import { fail, type Core } from './core';
import { charts } from './runcurves';
import type { MockRun } from './runs';
import { ask } from './runtexts';

type RunCommand = Extract<CommandName, `run_${string}` | `runs_${string}` | 'app_quit'>;
type RunHandlers = {
  [K in Exclude<RunCommand, 'run_plan'>]: (request: Request<K>) => Response<K> | Promise<Response<K>>;
};

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

function rows(runs: MockRun[]): ComparisonRow[] {
  const row = (name: string, of: (run: MockRun) => string): ComparisonRow => {
    const values = runs.map(of);
    return { name, values, same: values.every((value) => value === values[0]) };
  };
  return [
    row('Model', ({ summary }) => summary.model_name),
    row('Method', ({ summary }) => summary.method),
    row('Learning rate', ({ recipe }) => String(recipe.optimisation.learning_rate)),
    row('Epochs', ({ recipe }) => String(recipe.optimisation.epochs ?? 1)),
    row('Rows a step', ({ recipe }) => String(recipe.optimisation.micro_batch * recipe.optimisation.accumulation)),
    row('Seed', ({ recipe }) => String(recipe.data.seed)),
    row('Steps', ({ step }) => String(step)),
    row('Last loss', ({ summary }) => summary.loss?.toFixed(3) ?? 'none yet'),
    row('Held-out loss', ({ summary }) => summary.held_out_loss?.toFixed(3) ?? 'none yet'),
  ];
}

export function runCommands(core: Core): RunHandlers {
  const { runs } = core;
  const list = (): RunsView =>
    structuredClone({ runs: runs.list.map(({ summary }) => summary), adopted: runs.adopted });

  return {
    runs_list: list,
    run_get: ({ id, smoothing }) => runs.view(runs.find(id), smoothing),
    runs_compare: ({ ids, smoothing }) => {
      const found = ids.map((id) => runs.find(id));
      return structuredClone({
        runs: found.map(({ summary }) => summary),
        charts: charts(found, smoothing),
        rows: rows(found),
      });
    },
    run_start: ({ name, recipe }) => structuredClone(runs.enqueue(runs.make(name, recipe))),
    run_pause: ({ id }) => {
      const run = runs.find(id);
      run.wish = 'pause';
      return structuredClone(runs.stand(run, { state: 'pausing' }));
    },
    run_go_on: ({ id }) => {
      const run = runs.find(id);
      if (run.summary.standing.state === 'queued') return structuredClone(runs.enqueue(run));
      run.wish = null;
      return structuredClone(runs.stand(run, { state: 'running' }));
    },
    run_stop: ({ id }) => {
      const run = runs.find(id);
      run.wish = 'stop';
      const { state } = run.summary.standing;
      if (state === 'queued') return structuredClone(runs.stand(run, { state: 'stopped', step: run.step }));
      return structuredClone(runs.stand(run, { state: 'saving' }));
    },
    run_resume: ({ id }) => {
      const run = runs.find(id);
      const { standing } = run.summary;
      const from = standing.state === 'interrupted' || standing.state === 'stopped' ? standing.step : run.step;
      run.step = run.resumedFrom = from;
      return structuredClone(runs.enqueue(run));
    },
    run_discard: ({ id }) => {
      const run = runs.find(id);
      run.summary = { ...run.summary, discarded: core.now() };
      core.emit({ type: 'runs_changed' });
      return structuredClone(run.summary);
    },
    run_restore: ({ id }) => {
      const run = runs.find(id);
      run.summary = { ...run.summary, discarded: null };
      core.emit({ type: 'runs_changed' });
      return structuredClone(run.summary);
    },
    run_adopt: ({ id }) => {
      const run = runs.find(id);
      if (run.summary.result === null)
        throw fail('bad_request', 'This run has not finished yet.', 'Wait until it is finished.');
      runs.adopt(run);
      return list();
    },
    run_roll_back: () => {
      runs.rollBack();
      return list();
    },
    run_ask: async ({ prompt }) => {
      await wait(core.pace * 30);
      return ask(prompt);
    },
    run_chart_save: (request) => {
      runs.saved.push(request);
      return { path: `/home/ada/${request.chart}.${request.format}` };
    },
    app_quit: () => {
      runs.quit = true;
      return {};
    },
  };
}
