import type { Sampling } from '../backend';

export interface Preset {
  name: string;
  about: string;
  change: Pick<Sampling, 'temperature' | 'top_k' | 'top_p' | 'min_p'>;
}

/** The core's own defaults, shown where no model is loaded that brings its own. */
export const defaultSampling: Sampling = {
  temperature: 0.7,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repetition_penalty: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
  seed: null,
  max_new_tokens: 512,
  stop: [],
};

export const presets: Preset[] = [
  {
    name: 'Precise',
    about: 'Nearly always the likeliest word: facts, code, figures.',
    change: { temperature: 0.2, top_k: 40, top_p: 0.9, min_p: 0.05 },
  },
  {
    name: 'Balanced',
    about: 'The everyday setting.',
    change: { temperature: 0.7, top_k: 40, top_p: 0.95, min_p: 0.05 },
  },
  {
    name: 'Creative',
    about: 'Takes less likely words more often: stories, ideas.',
    change: { temperature: 1.1, top_k: 0, top_p: 0.98, min_p: 0.03 },
  },
];

/** The preset that these settings are, if they are one. Values come from f32, so they are compared with a tolerance. */
export function presetOf(sampling: Sampling): string | null {
  const near = (a: number, b: number) => Math.abs(a - b) < 1e-4;
  const found = presets.find(({ change }) =>
    (Object.keys(change) as (keyof Preset['change'])[]).every((knob) => near(sampling[knob], change[knob])),
  );
  return found?.name ?? null;
}

/** A number typed by a person, kept inside its bounds; nothing typed, or no number, is refused. */
export function bounded(text: string, low: number, high: number, whole: boolean): number | null {
  const value = Number(text.trim().replace(',', '.'));
  if (text.trim() === '' || !Number.isFinite(value)) return null;
  const inside = Math.min(high, Math.max(low, value));
  return whole ? Math.round(inside) : inside;
}
