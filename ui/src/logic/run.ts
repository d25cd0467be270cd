// How a run stands, in words, and what can be done about it.
import type { Preparing, RunStanding, RunSummary } from '../backend';
import { count, left, percent, plural } from './format';

export type RunState = RunStanding['state'];

/** Short, for a list or the sidebar. */
export const stateWords: Record<RunState, string> = {
  queued: 'Queued',
  preparing: 'Preparing',
  warming_up: 'Warming up',
  running: 'Running',
  evaluating: 'Evaluating',
  pausing: 'Pausing',
  paused: 'Paused',
  saving: 'Saving',
  comparing: 'Comparing',
  finished: 'Finished',
  stopped: 'Stopped',
  interrupted: 'Interrupted',
  failed: 'Failed',
};

/** What a standing means for the person: it works, it waits, it is done, or it needs them. */
export type Tone = 'works' | 'waits' | 'done' | 'needs';

const tones: Record<RunState, Tone> = {
  queued: 'waits',
  preparing: 'works',
  warming_up: 'works',
  running: 'works',
  evaluating: 'works',
  pausing: 'waits',
  paused: 'waits',
  saving: 'works',
  comparing: 'works',
  finished: 'done',
  stopped: 'waits',
  interrupted: 'needs',
  failed: 'needs',
};

export function toneOf(standing: RunStanding): Tone {
  return tones[standing.state];
}

const ended: readonly RunState[] = ['finished', 'stopped', 'interrupted', 'failed'];

/** It is over, at least until somebody lets it go on. */
export function hasEnded({ state }: RunStanding): boolean {
  return ended.includes(state);
}

/** It takes the processor now: neither waiting in the queue nor over. */
export function isGoing(standing: RunStanding): boolean {
  return standing.state !== 'queued' && !hasEnded(standing);
}

const preparingWords: Record<Preparing, string> = {
  reading: 'Reading the rows and turning them into tokens',
  loading: 'Loading the model',
  reference: 'Computing what the model says before it learns',
};

/** A whole sentence on how a run stands. */
export function standingSentence(standing: RunStanding): string {
  switch (standing.state) {
    case 'queued':
      if (standing.on_hold) return 'The queue waits since the program was started again. Let it go on when you like.';
      return standing.position <= 1
        ? 'In the queue: it is next.'
        : `In the queue: number ${count(standing.position)}, ${plural(standing.position - 1, 'run')} before it.`;
    case 'preparing': {
      const share = standing.total > 0 ? `, ${percent(standing.done, standing.total)} %` : '';
      return `${preparingWords[standing.doing]}${share}.`;
    }
    case 'warming_up':
      return 'The first steps: speed and time left are known in a moment.';
    case 'running':
      return 'The model learns.';
    case 'evaluating':
      return 'Looking at the held-out rows.';
    case 'pausing':
      return 'It pauses as soon as the rows under way are done.';
    case 'paused':
      return 'Paused. Everything stays in memory; nothing is lost.';
    case 'saving':
      return 'Saving what was learnt, then it stops.';
    case 'comparing':
      return `Trained. Both models answer unseen questions: ${count(standing.done)} of ${plural(standing.total, 'answer')}.`;
    case 'finished':
      return standing.early === null
        ? `Finished. The model of step ${count(standing.kept_step)} was kept.`
        : `Finished early: ${sentence(standing.early)} The best model, of step ${count(standing.kept_step)}, was kept.`;
    case 'stopped':
      return standing.step > 0
        ? `Stopped after step ${count(standing.step)}. What was learnt until then is saved.`
        : 'Stopped before the first step.';
    case 'interrupted':
      return standing.step > 0
        ? `Your computer or the program stopped in the middle. It can go on from step ${count(standing.step)}.`
        : 'Your computer or the program stopped in the middle, before anything was saved. It can begin again.';
    case 'failed':
      return standing.can_resume ? 'It could not go on. What was saved can be gone on from.' : 'It could not go on.';
  }
}

/** Ends in one full stop. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`;
}

/** How much of a run is done, in percent; none where that cannot be told or makes no sense. */
export function shareDone({ standing, progress }: Pick<RunSummary, 'standing' | 'progress'>): number | null {
  if (standing.state === 'finished') return 100;
  if (standing.state === 'preparing') return standing.total > 0 ? percent(standing.done, standing.total) : null;
  if (standing.state === 'comparing') return percent(standing.done, standing.total);
  if (progress !== null) return percent(progress.step, progress.total_steps);
  return standing.state === 'warming_up' ? null : 0;
}

/** "step 34 of 120 · epoch 0.85 · 1 240 tokens/s · about 2 min left"; only what is known and still true. */
export function progressParts({ standing, progress }: Pick<RunSummary, 'standing' | 'progress'>): string[] {
  if (progress === null) return [];
  const parts = [
    `Step ${count(progress.step)} of ${count(progress.total_steps)}`,
    `epoch ${progress.epoch.toFixed(2)}`,
  ];
  const works = standing.state === 'running' || standing.state === 'evaluating' || standing.state === 'warming_up';
  if (works && progress.tokens_per_second > 0) parts.push(`${count(progress.tokens_per_second)} tokens/s`);
  if (works && progress.seconds_left !== null) parts.push(left(progress.seconds_left));
  return parts;
}

export type RunAction = 'pause' | 'go_on' | 'stop' | 'resume' | 'again' | 'discard' | 'restore';

export const actionLabels: Record<RunAction, string> = {
  pause: 'Pause',
  go_on: 'Go on',
  stop: 'Stop and save',
  resume: 'Resume',
  again: 'Start again',
  discard: 'Discard',
  restore: 'Restore',
};

/** What can be done with a run as it stands, the most likely first. */
export function actionsOf({ standing, discarded }: Pick<RunSummary, 'standing' | 'discarded'>): RunAction[] {
  if (discarded !== null) return ['restore'];
  switch (standing.state) {
    case 'queued':
      return standing.on_hold ? ['go_on', 'stop'] : ['stop'];
    case 'preparing':
      return ['stop'];
    case 'warming_up':
    case 'running':
    case 'evaluating':
      return ['pause', 'stop'];
    case 'paused':
      return ['go_on', 'stop'];
    case 'pausing':
      return ['stop'];
    case 'saving':
    case 'comparing':
      return [];
    case 'finished':
      return ['discard'];
    case 'stopped':
    case 'interrupted':
      return ['resume', 'discard'];
    case 'failed':
      return standing.can_resume ? ['resume', 'discard'] : ['again', 'discard'];
  }
}

/** What the button of an action says: a queued run has nothing to save. */
export function actionLabel(action: RunAction, { state }: RunStanding): string {
  if (action === 'stop' && state === 'queued') return 'Leave the queue';
  if (action === 'stop' && state === 'preparing') return 'Stop';
  return actionLabels[action];
}

/** What is said when a run that nobody looks at comes to an end; nothing while it goes on. */
export function endingWords({ name, standing }: Pick<RunSummary, 'name' | 'standing'>): string | null {
  if (standing.state === 'finished') return `“${name}” is finished.`;
  if (standing.state === 'failed') return `“${name}” could not go on: ${standing.error.message}`;
  return null;
}

/** What is said about a run that a crash ended: where it was, and where it can go on from. */
export function interruptedWords({
  name,
  standing,
  progress,
}: Pick<RunSummary, 'name' | 'standing' | 'progress'>): string | null {
  if (standing.state !== 'interrupted') return null;
  const at = progress?.step ?? standing.step;
  const where = at > 0 ? ` at step ${count(at)}` : '';
  const from = standing.step > 0 ? `It can go on from step ${count(standing.step)}.` : 'It can begin again.';
  return `Your computer or the program stopped in the middle of “${name}”${where}. ${from}`;
}

/** Fewest and most runs that are laid over each other. */
export const compareAtLeast = 2;
export const compareAtMost = 6;

/** Why the selected runs cannot be compared; nothing when they can. */
export function compareBlocked(selected: number): string | null {
  if (selected < compareAtLeast) return 'Select two to six runs to compare them.';
  if (selected > compareAtMost) return `At most ${compareAtMost} runs can be compared; ${selected} are selected.`;
  return null;
}

export type RunTab = 'result' | 'curves' | 'samples' | 'batch' | 'log' | 'recipe';

/** The parts of a run's page, the first one shown; the result comes first once there is one. */
export function tabsOf({ state }: RunStanding): { id: RunTab; label: string }[] {
  const always: { id: RunTab; label: string }[] = [
    { id: 'curves', label: 'Curves' },
    { id: 'samples', label: 'Samples' },
    { id: 'batch', label: 'First batch' },
    { id: 'log', label: 'Log' },
    { id: 'recipe', label: 'Recipe' },
  ];
  return state === 'finished' ? [{ id: 'result', label: 'Result' }, ...always] : always;
}
