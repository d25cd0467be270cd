import type { Sampling } from '../backend';

/** A sampling setting as the sheet shows it. */
export interface Knob {
  name: Exclude<keyof Sampling, 'seed' | 'stop'>;
  label: string;
  about: string;
  unit: string;
  low: number;
  high: number;
  step: number;
  /** Simple shows only the usual ones. */
  simple: boolean;
}

export const knobs: Knob[] = [
  {
    name: 'temperature',
    label: 'Temperature',
    about: '0 always takes the likeliest word; 1 draws as the model says; more is wilder.',
    unit: '0 to 2',
    low: 0,
    high: 2,
    step: 0.05,
    simple: true,
  },
  {
    name: 'max_new_tokens',
    label: 'Longest answer',
    about: 'The answer is cut here and can be continued. A token is about three quarters of a word.',
    unit: 'tokens',
    low: 1,
    high: 32768,
    step: 1,
    simple: true,
  },
  {
    name: 'top_k',
    label: 'Top k',
    about: 'Draw only from this many of the likeliest tokens; 0 is off.',
    unit: 'tokens',
    low: 0,
    high: 200,
    step: 1,
    simple: false,
  },
  {
    name: 'top_p',
    label: 'Top p',
    about: 'Draw only from the likeliest tokens that together reach this probability; 1 is off.',
    unit: 'probability',
    low: 0,
    high: 1,
    step: 0.01,
    simple: false,
  },
  {
    name: 'min_p',
    label: 'Min p',
    about: 'Drop tokens less likely than this share of the likeliest; 0 is off.',
    unit: 'share',
    low: 0,
    high: 1,
    step: 0.01,
    simple: false,
  },
  {
    name: 'repetition_penalty',
    label: 'Repetition penalty',
    about: 'Makes tokens that were already seen less likely; 1 is off.',
    unit: 'factor',
    low: 1,
    high: 2,
    step: 0.01,
    simple: false,
  },
  {
    name: 'frequency_penalty',
    label: 'Frequency penalty',
    about: 'Takes this off for every time a token was seen; 0 is off.',
    unit: 'logit',
    low: -2,
    high: 2,
    step: 0.05,
    simple: false,
  },
  {
    name: 'presence_penalty',
    label: 'Presence penalty',
    about: 'Takes this off once for a token that was seen; 0 is off.',
    unit: 'logit',
    low: -2,
    high: 2,
    step: 0.05,
    simple: false,
  },
];

/** A value as it stands in its field: f32 noise such as 0.699999988 is rounded away. */
export function shown(value: number): string {
  return String(Number(value.toFixed(4)));
}

/** Stop strings as lines; a line end inside one is written \n, a backslash \\. */
export function stopLines(stop: string[]): string {
  return stop.map((text) => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')).join('\n');
}

export function parseStopLines(lines: string): string[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\\(n|\\)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : '\\')));
}
