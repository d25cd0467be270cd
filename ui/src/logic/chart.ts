// Curves as a chart and as a table need them. Smoothing and down-sampling are the core's.
import type { Chart, Curve } from '../backend';
import { figure } from './runfigures';

/** Hues told apart by everybody (Okabe-Ito); each is a token with a value for either ground. */
export const hues = 6;

/** A line as it is drawn. */
export interface Line {
  /** What the legend calls it. */
  name: string;
  /** Which hue, 0 to 5. */
  hue: number;
  /** The raw values under a smoothed line are faint. */
  look: 'plain' | 'faint' | 'dots';
  /** A second round through the hues is dashed. */
  dashed: boolean;
  /** One value for each of the chart's steps; none where this curve has no point. */
  values: (number | null)[];
  /** Which curve it is of. */
  curve: number;
}

export interface Drawing {
  /** Steps of all curves together, rising. */
  steps: number[];
  lines: Line[];
}

/** Whether smoothing changed a curve at all. */
export function isSmoothed({ held_out, values, smoothed }: Curve): boolean {
  return !held_out && smoothed.length === values.length && smoothed.some((value, at) => value !== values[at]);
}

function stepsOf(curves: Curve[]): number[] {
  return [...new Set(curves.flatMap(({ steps }) => steps))].sort((a, b) => a - b);
}

function spread(steps: number[], curve: Curve, values: number[]): (number | null)[] {
  const known = new Map(curve.steps.map((step, at) => [step, values[at] ?? null]));
  return steps.map((step) => known.get(step) ?? null);
}

/** All curves over the same steps: the raw line faint under the smoothed one, held-out points as dots. */
export function drawing({ curves }: Chart): Drawing {
  const steps = stepsOf(curves);
  const lines = curves.flatMap((curve, at): Line[] => {
    const own = { name: curve.name, hue: at % hues, dashed: at >= hues, curve: at };
    const raw = spread(steps, curve, curve.values);
    if (curve.held_out) return [{ ...own, look: 'dots', values: raw }];
    if (!isSmoothed(curve)) return [{ ...own, look: 'plain', values: raw }];
    return [
      { ...own, look: 'faint', values: raw },
      { ...own, look: 'plain', values: spread(steps, curve, curve.smoothed) },
    ];
  });
  return { steps, lines };
}

/** Two drawings whose lines differ in kind need a new chart; others only new numbers. */
export function shapeOf({ lines }: Drawing): string {
  return lines.map(({ name, look, hue, dashed }) => `${name}/${look}/${hue}/${dashed}`).join('\n');
}

export interface LegendEntry {
  name: string;
  hue: number;
  dashed: boolean;
  dots: boolean;
  /** At the cursor, or the last. */
  value: string;
}

function lastOf(values: (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** One entry a curve, with its value at a place among the steps; without a place, the last. */
export function legend({ lines }: Drawing, at: number | null): LegendEntry[] {
  return lines
    .filter(({ look }) => look !== 'faint')
    .map(({ name, hue, dashed, look, values }) => {
      const value = at === null ? lastOf(values) : (values[at] ?? null);
      return { name, hue, dashed, dots: look === 'dots', value: value === null ? '–' : figure(value) };
    });
}

export interface ChartTable {
  heads: string[];
  rows: string[][];
}

/** The same values as a table: a row a step, raw and smoothed beside each other. */
export function table(chart: Chart): ChartTable {
  const { steps, lines } = drawing(chart);
  return {
    heads: [
      'Step',
      ...lines.map(({ name, look, curve }) => (isPair(lines, curve) && look === 'plain' ? `${name}, smoothed` : name)),
    ],
    rows: steps.map((step, at) => [
      String(step),
      ...lines.map(({ values }) => {
        const value = values[at] ?? null;
        return value === null ? '' : figure(value);
      }),
    ]),
  };
}

function isPair(lines: Line[], curve: number): boolean {
  return lines.filter((line) => line.curve === curve).length === 2;
}

/** Points of a small line in a box; nothing for fewer than two values. */
export function sparkline(values: number[], width: number, height: number): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return '';
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low || 1;
  return finite
    .map((value, at) => {
      const x = (at / (finite.length - 1)) * width;
      const y = height - ((value - low) / span) * height;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}

/** Nothing drawn yet. */
export function isEmpty({ curves }: Chart): boolean {
  return curves.every(({ steps }) => steps.length === 0);
}
