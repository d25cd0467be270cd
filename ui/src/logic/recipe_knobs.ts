// Every knob of a recipe as the wizard shows it.
import type { Format, Recipe } from '../backend';
import { applies, type KnobValue, type RecipePath } from './recipe';

export type Field =
  | {
      kind: 'number';
      low: number;
      high: number;
      whole?: boolean;
      /** Shown and typed as percent, kept as a share. */
      percent?: boolean;
      /** What it is when nothing is typed; without this, something must be. */
      empty?: string;
    }
  | { kind: 'pair'; low: number; high: number; labels: [string, string] }
  | { kind: 'switch' }
  | { kind: 'choice'; options: { value: string; label: string }[] }
  /** Texts, one a line; `empty` is what no line at all means. */
  | { kind: 'lines'; empty: { value: KnobValue; label: string } }
  | { kind: 'text'; empty: string };

export type Group =
  | 'Length and learning rate'
  | 'Batches'
  | 'Adapter'
  | 'Preferences'
  | 'Rows'
  | 'Measuring on held-out rows'
  | 'Checkpoints'
  | 'Sample answers'
  | 'Optimizer'
  | 'Machine';

export interface Knob {
  path: RecipePath;
  label: string;
  about: string;
  unit: string;
  group: Group;
  field: Field;
  /** Simple shows it, where it plays a part. */
  simple?: (recipe: Recipe) => boolean;
}

/** Chosen on the cards themselves, not by a knob. */
export const onCards: RecipePath[] = ['model', 'data.files', 'stage', 'method.kind'];

const always = () => true;

/** What rows are called. */
export const formatLabels: Record<Format | 'auto', string> = {
  auto: 'Recognise it',
  alpaca: 'Instructions (Alpaca)',
  'prompt-response': 'Questions and answers',
  messages: 'Conversations (messages)',
  sharegpt: 'Conversations (ShareGPT)',
  text: 'Plain text',
  'preference-pairs': 'Preference pairs',
  'alpaca-pairs': 'Preference pairs (Alpaca)',
  'sharegpt-pairs': 'Preference pairs (ShareGPT)',
  'transcript-pairs': 'Preference pairs (transcripts)',
};

const choices = (labels: Record<string, string>): Field => ({
  kind: 'choice',
  options: Object.entries(labels).map(([value, label]) => ({ value, label })),
});

export const knobs: Knob[] = [
  {
    path: 'optimisation.epochs',
    label: 'Passes',
    about: 'How often the model goes through all rows. More passes learn more, and may learn rows by heart.',
    unit: 'times',
    group: 'Length and learning rate',
    field: { kind: 'number', low: 1, high: 1000, whole: true, empty: 'as the steps say' },
    simple: (recipe) => (recipe.optimisation.max_steps ?? null) === null,
  },
  {
    path: 'optimisation.max_steps',
    label: 'Steps',
    about: 'How many steps are made, instead of whole passes.',
    unit: 'steps',
    group: 'Length and learning rate',
    field: { kind: 'number', low: 1, high: 10_000_000, whole: true, empty: 'as the passes say' },
    simple: (recipe) => (recipe.optimisation.max_steps ?? null) !== null,
  },
  {
    path: 'optimisation.learning_rate',
    label: 'Learning rate',
    about: 'How far each step moves. Too high forgets how to speak, too low learns nothing.',
    unit: 'per step',
    group: 'Length and learning rate',
    field: { kind: 'number', low: 1e-8, high: 1 },
    simple: always,
  },
  {
    path: 'optimisation.schedule',
    label: 'Schedule',
    about: 'How the learning rate goes down after the warm-up.',
    unit: '',
    group: 'Length and learning rate',
    field: choices({ linear: 'Straight down to 0', cosine: 'Down to 0 along a cosine', constant: 'Stays' }),
  },
  {
    path: 'optimisation.warmup_ratio',
    label: 'Warm-up, share',
    about: 'The learning rate rises over this share of all steps.',
    unit: '% of steps',
    group: 'Length and learning rate',
    field: { kind: 'number', low: 0, high: 1, percent: true, empty: 'none' },
  },
  {
    path: 'optimisation.warmup_steps',
    label: 'Warm-up, steps',
    about: 'The same as a number of steps, instead of a share.',
    unit: 'steps',
    group: 'Length and learning rate',
    field: { kind: 'number', low: 0, high: 1_000_000, whole: true, empty: 'as the share says' },
  },
  {
    path: 'optimisation.micro_batch',
    label: 'Rows at a time',
    about: 'Memory grows with it. For preferences these are pairs.',
    unit: 'rows',
    group: 'Batches',
    field: { kind: 'number', low: 1, high: 4096, whole: true },
  },
  {
    path: 'optimisation.accumulation',
    label: 'Collected before a step',
    about: 'How often rows are computed before the model changes. A step sees both numbers multiplied.',
    unit: 'times',
    group: 'Batches',
    field: { kind: 'number', low: 1, high: 4096, whole: true },
  },
  {
    path: 'optimisation.max_tokens',
    label: 'Longest row',
    about: 'Longer rows are cut here. Memory and time grow with it.',
    unit: 'tokens',
    group: 'Batches',
    field: { kind: 'number', low: 2, high: 1_048_576, whole: true },
    simple: always,
  },
  {
    path: 'sft.packing',
    label: 'Packing',
    about: 'Short rows can share one long row, which wastes no time on padding.',
    unit: '',
    group: 'Batches',
    field: choices({ none: 'One row each', isolated: 'Packed, each for itself', flat: 'Joined and cut (the article)' }),
  },
  {
    path: 'method.rank',
    label: 'Rank',
    about: 'Size of the adapter: what it can learn, and what it costs.',
    unit: 'rows',
    group: 'Adapter',
    field: { kind: 'number', low: 1, high: 1024, whole: true },
    simple: always,
  },
  {
    path: 'method.alpha',
    label: 'Alpha',
    about: 'How strongly the adapter speaks: it is scaled by alpha divided by rank.',
    unit: 'factor',
    group: 'Adapter',
    field: { kind: 'number', low: 0.001, high: 4096 },
  },
  {
    path: 'method.dropout',
    label: 'Dropout',
    about: 'Share of the adapter’s inputs left out at random while training, against learning by heart.',
    unit: '%',
    group: 'Adapter',
    field: { kind: 'number', low: 0, high: 0.99, percent: true },
  },
  {
    path: 'method.targets',
    label: 'Layers with an adapter',
    about: 'Names of linear layers, one a line. Without any, all of them but the output’s.',
    unit: 'layer names',
    group: 'Adapter',
    field: { kind: 'lines', empty: { value: 'all', label: 'all linear layers' } },
  },
  {
    path: 'method.rslora',
    label: 'Scale by the root of the rank',
    about: 'Keeps adapters of a large rank learning (rsLoRA).',
    unit: 'on or off',
    group: 'Adapter',
    field: { kind: 'switch' },
  },
  {
    path: 'start_adapter',
    label: 'Adapter to begin with',
    about: 'Folder of an adapter that is trained further, instead of a new one.',
    unit: 'folder',
    group: 'Adapter',
    field: { kind: 'text', empty: 'a new one' },
  },
  {
    path: 'preference.loss',
    label: 'Loss',
    about: 'How preferring is measured. Each of the four families has its usual form and variants.',
    unit: '',
    group: 'Preferences',
    field: choices({
      sigmoid: 'DPO',
      robust: 'DPO that expects flipped pairs (robust)',
      hinge: 'DPO with a margin (hinge)',
      ipo: 'IPO, sums',
      'ipo-averaged': 'IPO, means per token',
      'kto-pair': 'KTO on pairs',
      kto: 'KTO, answers one by one',
      orpo: 'ORPO',
      simpo: 'SimPO',
    }),
  },
  {
    path: 'preference.beta',
    label: 'Beta',
    about: 'How strongly the model is held to what it said before. Smaller lets it go further.',
    unit: 'factor',
    group: 'Preferences',
    field: { kind: 'number', low: 0.0001, high: 1000, empty: 'as usual for the loss' },
    simple: always,
  },
  {
    path: 'preference.label_smoothing',
    label: 'Share of flipped pairs',
    about: 'How many pairs are believed to be the wrong way round.',
    unit: '%',
    group: 'Preferences',
    field: { kind: 'number', low: 0, high: 0.49, percent: true, empty: '0' },
  },
  {
    path: 'preference.gamma',
    label: 'Margin (gamma)',
    about: 'By how much the chosen answer must lead.',
    unit: 'log-probability',
    group: 'Preferences',
    field: { kind: 'number', low: 0, high: 1000, empty: '1' },
  },
  {
    path: 'preference.lambda',
    label: 'Weight of the preference (lambda)',
    about: 'What preferring weighs beside learning the chosen answer.',
    unit: 'factor',
    group: 'Preferences',
    field: { kind: 'number', low: 0, high: 1000, empty: '0.1' },
  },
  {
    path: 'preference.desirable_weight',
    label: 'Weight of chosen answers',
    about: 'What a chosen answer counts. Raise it where there are few.',
    unit: 'factor',
    group: 'Preferences',
    field: { kind: 'number', low: 0, high: 1000, empty: '1' },
  },
  {
    path: 'preference.undesirable_weight',
    label: 'Weight of rejected answers',
    about: 'What a rejected answer counts.',
    unit: 'factor',
    group: 'Preferences',
    field: { kind: 'number', low: 0, high: 1000, empty: '1' },
  },
  {
    path: 'preference.reference_free',
    label: 'Without a reference',
    about: 'Does not compare with what the model said before. Faster, and less held back.',
    unit: 'on or off',
    group: 'Preferences',
    field: { kind: 'switch' },
  },
  {
    path: 'preference.truncation',
    label: 'Cutting long pairs',
    about: 'What goes when a pair is longer than the longest row.',
    unit: '',
    group: 'Preferences',
    field: choices({ 'trl-0.7.1': 'The prompt’s beginning (as TRL 0.7.1)', 'keep-start': 'Everything past the end' }),
  },
  {
    path: 'preference.max_prompt_tokens',
    label: 'A cut prompt keeps',
    about: 'Tokens that stay of a prompt that is too long.',
    unit: 'tokens',
    group: 'Preferences',
    field: { kind: 'number', low: 1, high: 1_048_576, whole: true, empty: 'half of the longest row' },
  },
  {
    path: 'data.format',
    label: 'Rows are',
    about: 'What the columns mean. Recognised by itself; choose only where that went wrong.',
    unit: '',
    group: 'Rows',
    field: choices(formatLabels),
  },
  {
    path: 'template',
    label: 'Template',
    about: 'How conversations become the text that the model reads.',
    unit: '',
    group: 'Rows',
    field: choices({
      model: 'The model’s own',
      chatml: 'ChatML',
      neuralchat: '### System / User / Assistant',
      alpaca: 'Alpaca (### Instruction / Response)',
      raw: 'None: text as it is',
    }),
  },
  {
    path: 'sft.answers_only',
    label: 'Learn answers only',
    about: 'Questions are read but not learnt. Off, every token is learnt.',
    unit: 'on or off',
    group: 'Rows',
    field: { kind: 'switch' },
  },
  {
    path: 'data.max_rows',
    label: 'Most rows',
    about: 'No more rows than this are taken.',
    unit: 'rows',
    group: 'Rows',
    field: { kind: 'number', low: 1, high: 1_000_000_000, whole: true, empty: 'all' },
  },
  {
    path: 'data.shuffle',
    label: 'Shuffle',
    about: 'Each pass goes through the rows in an order of its own.',
    unit: 'on or off',
    group: 'Rows',
    field: { kind: 'switch' },
  },
  {
    path: 'data.seed',
    label: 'Seed',
    about: 'Decides orders, the held-out rows and dropout. The same seed gives the same run.',
    unit: 'number',
    group: 'Rows',
    field: { kind: 'number', low: 0, high: Number.MAX_SAFE_INTEGER, whole: true },
  },
  {
    path: 'data.held_out',
    label: 'Held-out share',
    about: 'These rows are never learnt; the model is measured on them.',
    unit: '% of rows',
    group: 'Measuring on held-out rows',
    field: { kind: 'number', low: 0, high: 0.9, percent: true },
    simple: always,
  },
  {
    path: 'data.held_out_file',
    label: 'Held-out file',
    about: 'A file of rows to measure on, instead of a share.',
    unit: 'file',
    group: 'Measuring on held-out rows',
    field: { kind: 'text', empty: 'none' },
  },
  {
    path: 'evaluation.every_steps',
    label: 'Measure every',
    about: 'How often the held-out rows are looked at. 0 only at the end.',
    unit: 'steps',
    group: 'Measuring on held-out rows',
    field: { kind: 'number', low: 0, high: 1_000_000, whole: true },
  },
  {
    path: 'evaluation.early_stopping',
    label: 'Stop early after',
    about: 'Ends after so many measurements in a row without a better one. 0 never does.',
    unit: 'measurements',
    group: 'Measuring on held-out rows',
    field: { kind: 'number', low: 0, high: 1000, whole: true },
  },
  {
    path: 'checkpoints.every_steps',
    label: 'Save every',
    about: 'A run that was cut off goes on from its newest checkpoint. 0 only at the end.',
    unit: 'steps',
    group: 'Checkpoints',
    field: { kind: 'number', low: 0, high: 1_000_000, whole: true },
  },
  {
    path: 'checkpoints.keep',
    label: 'Keep the newest',
    about: 'Older checkpoints are deleted, the best one is not. Each takes room on the disk.',
    unit: 'checkpoints',
    group: 'Checkpoints',
    field: { kind: 'number', low: 1, high: 1000, whole: true },
  },
  {
    path: 'samples.prompts',
    label: 'Prompts',
    about: 'Answered again and again while training goes, one a line, so that you see it learn.',
    unit: 'prompts',
    group: 'Sample answers',
    field: { kind: 'lines', empty: { value: [], label: 'none' } },
  },
  {
    path: 'samples.every_steps',
    label: 'Answer every',
    about: 'How often the prompts are answered.',
    unit: 'steps',
    group: 'Sample answers',
    field: { kind: 'number', low: 1, high: 1_000_000, whole: true },
  },
  {
    path: 'samples.max_tokens',
    label: 'Longest sample answer',
    about: 'Answers are cut here.',
    unit: 'tokens',
    group: 'Sample answers',
    field: { kind: 'number', low: 1, high: 8192, whole: true },
  },
  {
    path: 'optimisation.weight_decay',
    label: 'Weight decay',
    about: 'Pulls what is learnt towards 0 a little at each step.',
    unit: 'factor',
    group: 'Optimizer',
    field: { kind: 'number', low: 0, high: 10 },
  },
  {
    path: 'optimisation.betas',
    label: 'Averaging factors',
    about: 'How long AdamW remembers gradients, and their squares.',
    unit: '0 to below 1',
    group: 'Optimizer',
    field: { kind: 'pair', low: 0, high: 0.999999, labels: ['of gradients', 'of their squares'] },
  },
  {
    path: 'optimisation.epsilon',
    label: 'Epsilon',
    about: 'AdamW’s smallest divisor.',
    unit: 'number',
    group: 'Optimizer',
    field: { kind: 'number', low: 1e-16, high: 1 },
  },
  {
    path: 'optimisation.clip',
    label: 'Largest gradient',
    about: 'Longer gradients are shortened to this norm. 0 lets them be.',
    unit: 'norm',
    group: 'Optimizer',
    field: { kind: 'number', low: 0, high: 1_000_000 },
  },
  {
    path: 'machine.cores',
    label: 'Threads',
    about: 'How many the run may use. 0 takes what the machine has.',
    unit: 'threads',
    group: 'Machine',
    field: { kind: 'number', low: 0, high: 4096, whole: true },
  },
  {
    path: 'machine.activation_checkpointing',
    label: 'Save memory by computing again',
    about: 'Keeps less in memory and computes the rest a second time: about a third slower.',
    unit: 'on or off',
    group: 'Machine',
    field: { kind: 'switch' },
  },
  {
    path: 'machine.precision',
    label: 'Precision',
    about: 'Full precision is slower, and comparable with other trainers.',
    unit: '',
    group: 'Machine',
    field: choices({ auto: 'As the machine suggests', f32: 'Full (f32)' }),
  },
];

/** The knobs that are shown, in their groups; Simple is one list without headings. */
export function visible(recipe: Recipe, advanced: boolean): { group: Group; knobs: Knob[] }[] {
  const shown = knobs.filter(({ path, simple }) => applies(recipe, path) && (advanced || (simple?.(recipe) ?? false)));
  const groups = [...new Set(shown.map(({ group }) => group))];
  return groups.map((group) => ({ group, knobs: shown.filter((knob) => knob.group === group) }));
}

const digits = (value: number) => String(Number(value.toPrecision(7)));

/** A value as it stands in its field. */
export function knobText(field: Field, value: KnobValue): string {
  if (field.kind === 'lines') return Array.isArray(value) ? value.join('\n') : '';
  if (typeof value === 'number') return digits(field.kind === 'number' && field.percent ? value * 100 : value);
  return value === null ? '' : String(value);
}

/** What was typed, as a value inside its limits; undefined for what cannot be understood, which changes nothing. */
export function knobValue(field: Field, typed: string): KnobValue | undefined {
  const text = typed.trim();
  switch (field.kind) {
    case 'number': {
      if (text === '') return field.empty === undefined ? undefined : null;
      const number = Number(text.replace(',', '.')) / (field.percent ? 100 : 1);
      if (!Number.isFinite(number)) return undefined;
      const inside = Math.min(field.high, Math.max(field.low, number));
      return field.whole ? Math.round(inside) : Number(inside.toPrecision(12));
    }
    case 'lines': {
      const lines = typed
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
      return lines.length === 0 ? field.empty.value : lines;
    }
    case 'text':
      return text === '' ? null : text;
    case 'choice':
      return field.options.some(({ value }) => value === text) ? text : undefined;
    case 'switch':
    case 'pair':
      return undefined;
  }
}
