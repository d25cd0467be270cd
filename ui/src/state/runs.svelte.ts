import {
  asApiError,
  call,
  type Adopted,
  type ApiError,
  type RunId,
  type RunSummary,
  type RunsView,
  type StartRun,
} from '../backend';
import { endingWords, hasEnded, interruptedWords, isGoing, type RunAction } from '../logic/run';
import { app } from './app.svelte';
import { models } from './models.svelte';
import { toasts } from './toasts.svelte';

type SummaryCommand = 'run_pause' | 'run_go_on' | 'run_stop' | 'run_resume' | 'run_discard' | 'run_restore';

const leftBehind = 'runs-left';

function readLeft(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(leftBehind) ?? '[]');
    return Array.isArray(kept) ? kept.filter((entry) => typeof entry === 'string') : [];
  } catch {
    return [];
  }
}

/** One interruption of one run: a later one is told of again. */
function interruption({ id, standing }: RunSummary): string {
  return standing.state === 'interrupted' ? `${id}@${standing.step}` : id;
}

/** All runs, and what can be done with them. */
class Runs {
  list = $state.raw<RunSummary[]>([]);
  adopted = $state.raw<Adopted | null>(null);
  /** False until the list came for the first time. */
  known = $state(false);
  /** Why the last command was refused. */
  error = $state.raw<ApiError | null>(null);
  /** Runs with a command on its way. */
  busy = $state.raw<readonly string[]>([]);
  /** The window was closed while a run goes on. */
  closing = $state(false);
  /** Interruptions that the person wants to hear no more of. */
  left = $state.raw<readonly string[]>(readLeft());
  #asked = 0;
  /** The number of the newest event about each run. */
  #told = new Map<string, number>();

  readonly kept = $derived(this.list.filter(({ discarded }) => discarded === null));
  readonly discarded = $derived(this.list.filter(({ discarded }) => discarded !== null));
  /** The one that takes the processor now. */
  readonly going = $derived(this.list.find(({ standing }) => isGoing(standing)) ?? null);
  /** Ended by a crash and not left behind by the person. */
  readonly interrupted = $derived(
    this.kept.filter((run) => run.standing.state === 'interrupted' && !this.left.includes(interruption(run))),
  );

  /** Nothing is known any more: the core is another one. */
  forget(): void {
    this.list = [];
    this.adopted = null;
    this.known = false;
    this.#told.clear();
  }

  find(id: string): RunSummary | null {
    return this.list.find((run) => run.id === id) ?? null;
  }

  /** Asks anew; what events told meanwhile stays. */
  async load(): Promise<void> {
    const asked = ++this.#asked;
    const before = new Map(this.#told);
    try {
      const view = await call('runs_list', {});
      if (asked === this.#asked) this.#show(view, before);
    } catch (reason) {
      if (asked === this.#asked) this.error = asApiError(reason);
    }
  }

  /** A run moved on. */
  receive(summary: RunSummary, seq: number): void {
    const before = this.find(summary.id);
    this.#told.set(summary.id, seq);
    this.#put(summary);
    if (before && !hasEnded(before.standing) && hasEnded(summary.standing)) this.#announceEnd(summary);
  }

  /** What a view says about a run, unless events already told more. */
  tell(summary: RunSummary, asOf: number): void {
    if (asOf >= (this.#told.get(summary.id) ?? 0)) this.#put(summary);
  }

  pause = (id: string) => this.#run('run_pause', id);
  goOn = (id: string) => this.#run('run_go_on', id);
  stop = (id: string) => this.#run('run_stop', id);
  resume = (id: string) => this.#run('run_resume', id);
  restore = (id: string) => this.#run('run_restore', id);

  /** Does what a button of a run says. */
  act(action: Exclude<RunAction, 'again'>, id: string): void {
    const does = {
      pause: this.pause,
      go_on: this.goOn,
      stop: this.stop,
      resume: this.resume,
      restore: this.restore,
      discard: (run: string) => this.discard(run),
    };
    void does[action](id);
  }

  /** Puts a run away; a toast brings it back. */
  async discard(id: string): Promise<void> {
    if (!(await this.#run('run_discard', id))) return;
    const name = this.find(id)?.name ?? 'The run';
    toasts.say(`“${name}” was discarded. It can be brought back for 30 days.`, {
      label: 'Undo',
      run: () => void this.restore(id),
    });
  }

  /** Begins the same again under the same name. */
  async again(start: StartRun): Promise<void> {
    await this.#guard(null, async () => {
      const summary = await call('run_start', start);
      this.#put(summary);
      app.openRun(summary.id);
    });
  }

  /** Makes what a run learnt the chat’s default model. */
  async adopt(id: string): Promise<void> {
    const done = await this.#guard(id, async () => this.#show(await call('run_adopt', { id })));
    if (!done || !this.adopted) return;
    toasts.say(`“${this.adopted.name}” is now the chat’s default model.`, {
      label: 'Undo',
      run: () => void this.rollBack(),
    });
  }

  /** Makes the model before the adoption the default again. */
  async rollBack(): Promise<void> {
    const before = this.adopted;
    const done = await this.#guard(null, async () => this.#show(await call('run_roll_back', {})));
    if (done && before) toasts.say(`Rolled back: ${before.before_name} is the chat’s default model again.`);
  }

  /** Opens what was learnt and goes to the chat. */
  async chat(result: string): Promise<void> {
    app.go('chat');
    await models.open(result);
  }

  /** Says nothing more of an interruption; the run can still be resumed from the list. */
  leave(run: RunSummary): void {
    this.left = [...this.left, interruption(run)].slice(-50);
    localStorage.setItem(leftBehind, JSON.stringify(this.left));
  }

  /** At the start of the program: runs that a crash ended. */
  announceInterrupted(): void {
    if (app.route.page === 'fine-tune') return;
    for (const run of this.interrupted) {
      const words = interruptedWords(run);
      if (words === null) continue;
      const resume = () => {
        app.openRun(run.id);
        void this.resume(run.id);
      };
      toasts.say(words, { label: 'Resume', run: resume, lasting: true });
    }
  }

  /** Saves the run that is going and ends the program. */
  async quit(): Promise<void> {
    await this.#guard(null, () => call('app_quit', {}));
  }

  dismiss(): void {
    this.error = null;
  }

  #announceEnd(summary: RunSummary): void {
    const { tune } = app.route;
    if (tune?.view === 'run' && tune.id === summary.id) return;
    const words = endingWords(summary);
    if (words !== null) toasts.say(words, { label: 'Open', run: () => app.openRun(summary.id) });
  }

  #show({ runs, adopted }: RunsView, before = new Map(this.#told)): void {
    const late = (id: string) => (this.#told.get(id) ?? 0) > (before.get(id) ?? 0);
    this.list = runs.map((run) => (late(run.id) ? (this.find(run.id) ?? run) : run));
    this.adopted = adopted;
    this.known = true;
  }

  #put(summary: RunSummary): void {
    this.list = this.find(summary.id)
      ? this.list.map((run) => (run.id === summary.id ? summary : run))
      : [summary, ...this.list];
  }

  /** Runs a command that answers with the run; an event that came meanwhile is newer than the answer. */
  async #run(name: SummaryCommand, id: string): Promise<boolean> {
    return await this.#guard(id, async () => {
      const told = this.#told.get(id);
      const summary = await call(name, { id } satisfies RunId);
      if (this.#told.get(id) === told) this.#put(summary);
    });
  }

  async #guard(id: string | null, what: () => Promise<unknown>): Promise<boolean> {
    this.error = null;
    if (id !== null) this.busy = [...this.busy, id];
    try {
      await what();
      return true;
    } catch (reason) {
      this.error = asApiError(reason);
      // Only the pages of Fine-tune have a place for it.
      if (app.route.page !== 'fine-tune') toasts.say(`${this.error.message} ${this.error.remedy}`);
      return false;
    } finally {
      if (id !== null) this.busy = this.busy.filter((other) => other !== id);
    }
  }
}

export const runs = new Runs();
