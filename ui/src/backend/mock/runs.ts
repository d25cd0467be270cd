// The stand-in's runs: one goes at a time, the others wait; steps are made before the eyes of whoever looks.
import type {
  Adopted,
  Health,
  LogLine,
  Recipe,
  RolledBack,
  RunStanding,
  RunSummary,
  RunView,
  SaveChart,
} from '../types';
import { fail, type Core } from './core';
import { entry, inspection, loaded, onDisk } from './models';
import { charts, heldOutAt, line, lossAt } from './runcurves';
import { answersAt, beforeAfter, firstBatch, recipe as anyRecipe } from './runtexts';

export interface MockRun {
  summary: RunSummary;
  recipe: Recipe;
  seed: number;
  /** Steps in all, and done. */
  total: number;
  step: number;
  /** Tokens a second. */
  speed: number;
  /** Steps at which held-out rows were looked at. */
  evaluated: number[];
  log: LogLine[];
  rolledBack: RolledBack | null;
  resumedFrom: number | null;
  health: Health | null;
  /** What the person asked for and has not got yet. */
  wish: 'pause' | 'stop' | null;
}

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
const over = ['finished', 'stopped', 'interrupted', 'failed'];

export class MockRuns {
  list: MockRun[] = [];
  adopted: Adopted | null = null;
  /** Charts that were saved. */
  saved: SaveChart[] = [];
  quit = false;
  #next = 1;

  constructor(readonly core: Core) {}

  make(name: string, recipe: Recipe = anyRecipe(), change: Partial<MockRun> = {}): MockRun {
    const id = `run-${this.#next++}`;
    const known = onDisk[recipe.model];
    const run: MockRun = {
      summary: {
        id,
        name,
        model: recipe.model,
        model_name: known?.name ?? recipe.model.split('/').at(-1) ?? recipe.model,
        stage: recipe.stage,
        method: recipe.method.kind === 'lora' ? `LoRA, rank ${recipe.method.rank}` : 'the whole model',
        created: this.core.now(),
        standing: { state: 'queued', position: 1, on_hold: false },
        progress: null,
        line: [],
        loss: null,
        held_out_loss: null,
        adopted: false,
        discarded: null,
        result: null,
      },
      recipe,
      seed: this.#next,
      total: recipe.optimisation.max_steps ?? (recipe.optimisation.epochs ?? 1) * 40,
      step: 0,
      speed: 1240,
      evaluated: [],
      log: [],
      rolledBack: null,
      resumedFrom: null,
      health: null,
      wish: null,
      ...change,
    };
    this.list.unshift(run);
    return run;
  }

  find(id: string): MockRun {
    const run = this.list.find(({ summary }) => summary.id === id);
    if (!run) throw fail('not_found', 'This run is not there any more.', 'Choose another one.');
    return run;
  }

  /** Puts a run at a step, with everything that belongs to it. */
  at(run: MockRun, step: number, standing: RunStanding): RunSummary {
    run.step = step;
    const every = run.recipe.evaluation.every_steps || run.total;
    run.evaluated = Array.from({ length: Math.floor(step / every) }, (_, index) => (index + 1) * every);
    if (standing.state === 'finished' && run.evaluated.at(-1) !== step) run.evaluated.push(step);
    const last = run.evaluated.at(-1);
    const epochs = run.recipe.optimisation.epochs ?? 1;
    run.summary = {
      ...run.summary,
      standing,
      progress:
        step > 0
          ? {
              step,
              total_steps: run.total,
              epoch: (epochs * step) / run.total,
              tokens_per_second: run.speed,
              seconds_left: standing.state === 'warming_up' ? null : (run.total - step) * 1.1,
            }
          : null,
      line: line(run),
      loss: step > 0 ? lossAt(step, run) : null,
      held_out_loss: last === undefined ? null : heldOutAt(last, run),
      result: standing.state === 'finished' ? `/home/ada/.local/share/neuralchat/runs/${run.summary.id}/model` : null,
    };
    if (run.recipe.stage === 'preference' && step > 0)
      run.health ??= {
        state: 'healthy',
        words: 'Chosen answers are 0.04 nats per token less likely than at the start; above −0.1 is healthy.',
        chosen_drift: -0.04,
        held_out: true,
      };
    return run.summary;
  }

  say(run: MockRun, text: string, kind: LogLine['kind'] = 'info'): void {
    run.log.push({ step: run.step, kind, text });
  }

  view(run: MockRun, smoothing: number): RunView {
    const ended = over.includes(run.summary.standing.state);
    const share = run.step / run.total;
    const every = run.recipe.samples.every_steps || run.total;
    const looked = Array.from({ length: Math.floor(run.step / every) + 1 }, (_, at) => at * every);
    return structuredClone({
      summary: run.summary,
      recipe: run.recipe,
      folder: `/home/ada/.local/share/neuralchat/runs/${run.summary.id}`,
      plan: {
        planned_seconds: { low: 118, expected: 140, high: 176 },
        planned_memory_bytes: 412_000_000,
        planned_disk_bytes: 24_000_000,
        seconds: ended ? 131 * share : null,
        memory_bytes: ended ? 388_000_000 : null,
        disk_bytes: Math.round(1_200_000 + 21_500_000 * share),
      },
      charts: charts([run], smoothing),
      samples: run.step > 0 ? looked.flatMap((step) => answersAt(run, step)) : [],
      first_batch: run.step > 0 ? firstBatch : [],
      log: run.log,
      health: run.health,
      rolled_back: run.rolledBack,
      resumed_from: run.resumedFrom,
      before_after: run.summary.standing.state === 'finished' ? beforeAfter(run) : null,
      as_of: this.core.seq,
    });
  }

  /** Tells of a run's new standing. */
  stand(run: MockRun, standing: RunStanding, step = run.step): RunSummary {
    const summary = this.at(run, step, standing);
    this.core.emit({ type: 'run', summary });
    if (over.includes(standing.state)) this.core.emit({ type: 'runs_changed' });
    return summary;
  }

  /** A new run, or one that goes on: now, or when it is its turn. */
  enqueue(run: MockRun): RunSummary {
    run.wish = null;
    const before = this.list.filter((other) => other !== run && !over.includes(other.summary.standing.state)).length;
    if (before > 0) this.stand(run, { state: 'queued', position: before, on_hold: false });
    else void this.#go(run);
    this.core.emit({ type: 'runs_changed' });
    return run.summary;
  }

  /** The queue after a run is over. */
  #nextInQueue(): void {
    const waiting = this.list
      .filter(({ summary }) => summary.standing.state === 'queued')
      .sort((a, b) => position(a) - position(b));
    const [first, ...rest] = waiting;
    rest.forEach((run, at) => this.stand(run, { state: 'queued', position: at + 1, on_hold: false }));
    if (first) void this.#go(first);
  }

  async #go(run: MockRun): Promise<void> {
    const { core } = this;
    this.stand(run, { state: 'preparing', doing: 'loading', done: 0, total: 0 });
    await wait(core.pace * 8);
    for (let done = 0; done <= 400 && run.wish !== 'stop'; done += 80) {
      this.stand(run, { state: 'preparing', doing: 'reading', done, total: 400 });
      await wait(core.pace * 6);
    }
    this.say(run, run.step > 0 ? `Went on from step ${run.step}.` : 'Read 400 rows: 360 to train on, 40 held out.');
    const begin = run.step;
    while (run.step < run.total) {
      if (await this.#interrupted(run)) return this.#nextInQueue();
      const step = run.step + 1;
      this.stand(run, { state: step - begin < 4 ? 'warming_up' : 'running' }, step);
      await wait(core.pace * 8);
      if (run.wish === null && step % (run.recipe.evaluation.every_steps || run.total) === 0) {
        this.stand(run, { state: 'evaluating' });
        this.say(run, `Held-out loss ${heldOutAt(step, run).toFixed(3)}.`);
        this.say(run, `Saved what was learnt until step ${step}.`, 'saved');
        await wait(core.pace * 16);
      }
    }
    this.stand(run, { state: 'saving' });
    await wait(core.pace * 12);
    for (let done = 0; done <= 20; done += 4) {
      this.stand(run, { state: 'comparing', done, total: 20 });
      await wait(core.pace * 12);
    }
    this.finish(run);
    this.#nextInQueue();
  }

  /** Does what the person wished for; true when the run is over by that. */
  async #interrupted(run: MockRun): Promise<boolean> {
    if (run.wish === 'pause') {
      this.stand(run, { state: 'paused' });
      while (run.wish === 'pause') await wait(this.core.pace * 2);
    }
    if (run.wish !== 'stop') return false;
    this.stand(run, { state: 'saving' });
    await wait(this.core.pace * 16);
    this.say(run, `Stopped by you; what was learnt until step ${run.step} is saved.`, 'saved');
    this.stand(run, { state: 'stopped', step: run.step });
    return true;
  }

  finish(run: MockRun, early: string | null = null, kept = run.step): void {
    this.say(run, `Finished; the model of step ${kept} was kept.`, 'saved');
    const { result, name } = this.stand(run, { state: 'finished', early, kept_step: kept });
    if (result !== null) onDisk[result] = inspection(result, { ...onDisk[run.recipe.model], path: result, name });
  }

  adopt(run: MockRun): void {
    const before = this.core.state.loaded;
    this.adopted = {
      run: run.summary.id,
      name: run.summary.name,
      before: before?.path ?? 'starter',
      before_name: before?.name ?? 'NeuralChat starter',
    };
    this.#open(run.summary.result ?? 'starter');
    this.#mark();
  }

  rollBack(): void {
    if (this.adopted) this.#open(this.adopted.before);
    this.adopted = null;
    this.#mark();
  }

  #open(path: string): void {
    const found = onDisk[path];
    if (!found) return;
    if (!this.core.models.some((model) => model.path === path)) this.core.models.push(entry(found));
    this.core.setModel({ loaded: loaded(found) });
  }

  #mark(): void {
    for (const { summary } of this.list) summary.adopted = summary.id === this.adopted?.run;
    this.core.emit({ type: 'runs_changed' });
  }
}

function position({ summary }: MockRun): number {
  return summary.standing.state === 'queued' ? summary.standing.position : 0;
}
