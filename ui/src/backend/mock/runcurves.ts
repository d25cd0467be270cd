// The stand-in's curves: the same numbers for the same step, whatever was asked before.
import type { Chart, ChartKind, Curve } from '../types';
import type { MockRun } from './runs';

/** Between -1 and 1, the same for the same step. */
function noise(step: number, seed: number): number {
  const value = Math.sin(step * 12.9898 + seed * 78.233) * 43_758.5453;
  return (value - Math.floor(value)) * 2 - 1;
}

type Series = (step: number, run: MockRun) => number;

const falling = (step: number, run: MockRun) => 0.32 + 2.7 * Math.exp(-step / (run.total * 0.2));

export const lossAt: Series = (step, run) => falling(step, run) * (1 + 0.16 * noise(step, run.seed));
export const heldOutAt: Series = (step, run) => falling(step, run) * 1.06 + 0.05 + step / run.total / 14;

const rate: Series = (step, run) => {
  const warm = Math.max(1, run.total * 0.1);
  const peak = run.recipe.optimisation.learning_rate;
  return step < warm ? (peak * step) / warm : (peak * (run.total - step)) / (run.total - warm);
};
const norm: Series = (step, run) => 0.5 + 3 * Math.exp(-step / 18) + 0.3 * Math.abs(noise(step, run.seed + 3));
const speed: Series = (step, run) => run.speed * (1 + 0.04 * noise(step, run.seed + 5));
const gain = (step: number, run: MockRun) => 1 - Math.exp(-step / (run.total * 0.35));
const chosen: Series = (step, run) => gain(step, run) * 0.5 + 0.15 * noise(step, run.seed + 7);
const rejected: Series = (step, run) => -gain(step, run) * 1.6 + 0.2 * noise(step, run.seed + 9);
const accuracy: Series = (step, run) => Math.min(1, 0.52 + 0.42 * gain(step, run) + 0.06 * noise(step, run.seed + 11));

interface Kind {
  kind: ChartKind;
  title: string;
  unit: string;
  about: string;
  logarithmic: boolean;
  curves: [name: string, series: Series][];
  heldOut?: Series;
}

const everyRun: Kind[] = [
  {
    kind: 'loss',
    title: 'Loss',
    unit: 'nats per token',
    about:
      'How surprised the model is by the answers it should give: lower is better. When the held-out line rises while the other falls, the model learns the rows by heart.',
    logarithmic: true,
    curves: [['Training', lossAt]],
    heldOut: heldOutAt,
  },
  {
    kind: 'learning_rate',
    title: 'Learning rate',
    unit: 'per step',
    about: 'How far each step goes: it warms up, then falls to nothing.',
    logarithmic: false,
    curves: [['Learning rate', rate]],
  },
  {
    kind: 'gradient_norm',
    title: 'Gradient norm',
    unit: 'norm',
    about: 'How strongly the rows pull. Single peaks are usual; a line that keeps rising is not.',
    logarithmic: true,
    curves: [['Gradient norm', norm]],
  },
  {
    kind: 'speed',
    title: 'Speed',
    unit: 'tokens/s',
    about: 'Tokens read a second. It dips while the chat answers or the computer is busy.',
    logarithmic: true,
    curves: [['Speed', speed]],
  },
];

const preferenceRun: Kind[] = [
  {
    kind: 'rewards',
    title: 'Rewards',
    unit: 'reward',
    about: 'How much more likely the answers became: the chosen ones should stay up, the rejected ones go down.',
    logarithmic: false,
    curves: [
      ['Chosen', chosen],
      ['Rejected', rejected],
    ],
  },
  {
    kind: 'margin',
    title: 'Margin',
    unit: 'reward',
    about: 'The difference between both rewards: it should rise.',
    logarithmic: false,
    curves: [['Margin', (step, run) => chosen(step, run) - rejected(step, run)]],
  },
  {
    kind: 'accuracy',
    title: 'Accuracy',
    unit: 'share of pairs',
    about: 'The share of pairs whose chosen answer has the larger reward; 0.5 is a coin.',
    logarithmic: false,
    curves: [['Accuracy', accuracy]],
  },
  {
    kind: 'drift',
    title: 'Drift',
    unit: 'nats per token',
    about: 'How far the model has moved away from the answers it should prefer: near 0 is healthy.',
    logarithmic: false,
    curves: [['Chosen answers', (step, run) => -0.12 * gain(step, run) + 0.02 * noise(step, run.seed + 13)]],
  },
];

function curve(name: string, steps: number[], at: (step: number) => number, smoothing: number): Curve {
  const values = steps.map(at);
  let last: number | null = null;
  const smoothed = values.map((value) => (last = last === null ? value : smoothing * last + (1 - smoothing) * value));
  return { name, held_out: false, steps, values, smoothed };
}

function heldOut(name: string, run: MockRun, series: Series): Curve {
  const steps = run.evaluated.filter((step) => step <= run.step);
  const values = steps.map((step) => series(step, run));
  return { name, held_out: true, steps, values, smoothed: values };
}

const until = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

/** The charts of one run, or of several laid over each other. */
export function charts(runs: MockRun[], smoothing: number): Chart[] {
  const preferences = runs.every(({ recipe }) => recipe.stage === 'preference');
  const one = runs.length === 1;
  return [...everyRun, ...(preferences ? preferenceRun : [])].map(
    ({ curves, heldOut: held, logarithmic, ...chart }) => ({
      ...chart,
      can_be_logarithmic: logarithmic,
      curves: runs.flatMap((run) => {
        const steps = until(run.step);
        const name = (own: string) =>
          one ? own : curves.length > 1 ? `${run.summary.name}, ${own.toLowerCase()}` : run.summary.name;
        const drawn = curves.map(([own, series]) => curve(name(own), steps, (step) => series(step, run), smoothing));
        return held && one ? [...drawn, heldOut('Held-out rows', run, held)] : drawn;
      }),
    }),
  );
}

/** At most 60 values of the loss. */
export function line(run: MockRun): number[] {
  const wanted = Math.min(60, run.step);
  return Array.from({ length: wanted }, (_, at) => lossAt(Math.ceil(((at + 1) * run.step) / wanted), run));
}
