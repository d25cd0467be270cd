// Fine-tuning in every state; the run that is meant is `#/fine-tune/run/run-1`.
import type { RunStanding } from '../types';
import { fail, type Core } from './core';
import type { MockRun } from './runs';
import { recipe } from './runtexts';

const name = 'Sea terms';

/** One run at a step in a state; it does not move by itself. */
function still(step: number, standing: RunStanding, change: Partial<MockRun> = {}): (core: Core) => void {
  return (core) => {
    const { runs } = core;
    const run = runs.make(name, change.recipe, change);
    runs.say(run, 'Read 400 rows: 360 to train on, 40 held out.');
    if (step >= 20) {
      runs.at(run, 20, standing);
      runs.say(run, 'Saved what was learnt until step 20.', 'saved');
    }
    runs.at(run, step, standing);
    if (standing.state === 'finished') runs.finish(run, standing.early, standing.kept_step);
  };
}

const preferences = () => recipe({ stage: 'preference', data: { ...recipe().data, files: ['kinder-answers.jsonl'] } });

const failure = fail(
  'storage',
  'The disk is full: 12 MB are free, a checkpoint needs 24 MB.',
  'Make room on the disk, then resume. Everything until step 40 is saved.',
);

/** A list with something of everything. */
function several(core: Core): void {
  const { runs } = core;
  const make = (title: string, step: number, standing: RunStanding, change: Partial<MockRun> = {}) => {
    const run = runs.make(title, change.recipe, change);
    runs.at(run, step, standing);
    if (standing.state === 'finished') runs.finish(run, standing.early, standing.kept_step);
    return run;
  };
  const adopted = make('Sea terms, first try', 120, { state: 'finished', early: null, kept_step: 120 });
  make(
    'Sea terms, higher rate',
    80,
    {
      state: 'finished',
      early: 'the held-out loss got no better three times in a row.',
      kept_step: 60,
    },
    { recipe: recipe({ optimisation: { ...recipe().optimisation, learning_rate: 1e-3 } }), seed: 9 },
  );
  make('Old experiment', 30, { state: 'stopped', step: 30 }).summary.discarded = core.now();
  make('Disk ran full', 47, { state: 'failed', error: failure, can_resume: true });
  make('A night without power', 52, { state: 'interrupted', step: 40 });
  make('Kinder answers', 64, { state: 'running' }, { recipe: preferences() });
  make(
    'Sea terms, whole model, with a name that is much longer than anybody would ever give to a run',
    0,
    {
      state: 'queued',
      position: 1,
      on_hold: false,
    },
    { recipe: recipe({ method: { kind: 'full' } }) },
  );
  make('Sea terms, rank 64', 0, { state: 'queued', position: 2, on_hold: false });
  runs.adopt(adopted);
}

export const runScenes: Record<string, (core: Core) => void> = {
  runs: several,
  'run-live': (core) => {
    // Slow enough to look at.
    core.pace = Math.max(core.pace, 30);
    core.runs.enqueue(core.runs.make(name));
  },
  'run-queued': (core) => {
    still(0, { state: 'queued', position: 2, on_hold: false })(core);
    core.runs.at(core.runs.make('Kinder answers', preferences()), 40, { state: 'running' });
  },
  'run-held': still(0, { state: 'queued', position: 1, on_hold: true }),
  'run-loading': still(0, { state: 'preparing', doing: 'loading', done: 0, total: 0 }),
  'run-preparing': still(0, { state: 'preparing', doing: 'reading', done: 260, total: 400 }),
  'run-reference': still(
    0,
    { state: 'preparing', doing: 'reference', done: 91, total: 360 },
    { recipe: preferences() },
  ),
  'run-warming': still(2, { state: 'warming_up' }),
  'run-running': still(64, { state: 'running' }),
  'run-evaluating': still(60, { state: 'evaluating' }),
  'run-pausing': still(64, { state: 'pausing' }),
  'run-paused': still(64, { state: 'paused' }),
  'run-saving': still(64, { state: 'saving' }),
  'run-comparing': still(120, { state: 'comparing', done: 7, total: 20 }),
  'run-finished': still(120, { state: 'finished', early: null, kept_step: 120 }),
  'run-early': still(80, {
    state: 'finished',
    early: 'the held-out loss got no better three times in a row.',
    kept_step: 60,
  }),
  'run-adopted': (core) => {
    still(120, { state: 'finished', early: null, kept_step: 120 })(core);
    core.runs.adopt(core.runs.find('run-1'));
  },
  'run-stopped': still(47, { state: 'stopped', step: 47 }),
  'run-interrupted': still(52, { state: 'interrupted', step: 40 }),
  'run-resumed': still(58, { state: 'running' }, { resumedFrom: 40 }),
  'run-failed': still(47, { state: 'failed', error: failure, can_resume: true }),
  'run-rolled-back': still(
    64,
    { state: 'running' },
    {
      rolledBack: { step: 57, to_step: 40, cause: 'The loss of step 57 was not a number.' },
    },
  ),
  'run-preference': still(64, { state: 'running' }, { recipe: preferences() }),
  'run-drifting': still(
    64,
    { state: 'running' },
    {
      recipe: preferences(),
      health: {
        state: 'drifting',
        words:
          'Chosen answers are 0.31 nats per token less likely than at the start; below −0.1 the model moves away from them.',
        chosen_drift: -0.31,
        held_out: true,
      },
    },
  ),
  'run-collapsing': still(
    64,
    { state: 'running' },
    {
      recipe: preferences(),
      health: {
        state: 'collapsing',
        words:
          'Chosen answers are 0.82 nats per token less likely than at the start. Stop, and begin again with a lower learning rate.',
        chosen_drift: -0.82,
        held_out: false,
      },
    },
  ),
  'run-discarded': (core) => {
    still(47, { state: 'stopped', step: 47 })(core);
    core.runs.find('run-1').summary.discarded = core.now();
  },
};
