// Decisions of the wizard: what each card says, what stands in the way, what a run will do.
import type {
  BlockerCode,
  DataLook,
  ModelEntry,
  ModelInspection,
  PlanBlocker,
  PlanFigures,
  PreferenceLoss,
  Preset,
  Recipe,
  RunPlan,
  RunSummary,
  Stage,
  TimeBand,
} from '../backend';
import { bytes, count, parameters, plural } from './format';
import { batch } from './recipe';

export type Step = 'model' | 'data' | 'method' | 'review';

export const steps: { step: Step; title: string }[] = [
  { step: 'model', title: 'Model' },
  { step: 'data', title: 'Data' },
  { step: 'method', title: 'Method' },
  { step: 'review', title: 'Review' },
];

export interface Choice<T extends string> {
  value: T;
  label: string;
  about: string;
}

export const stages: Choice<Stage>[] = [
  { value: 'sft', label: 'Answers (SFT)', about: 'Learns to answer as the rows do. Begin here.' },
  {
    value: 'preference',
    label: 'Preferences',
    about: 'Learns to prefer the chosen answer to the rejected one. Needs pairs; best after SFT.',
  },
];

export const presets: Choice<Preset>[] = [
  { value: 'quick_taste', label: 'Quick taste', about: 'Minutes: a small adapter, to see that it works.' },
  {
    value: 'balanced',
    label: 'Balanced',
    about: 'The usual choice: enough passes to learn, and a stop before it is by heart.',
  },
  {
    value: 'article',
    label: 'The article’s recipe',
    about: 'As NeuralChat was trained. Made for large models and long runs.',
  },
];

export type Family = 'dpo' | 'orpo' | 'simpo' | 'kto';

/** The families of preference losses, each with its usual form first. */
export const families: (Choice<Family> & { losses: PreferenceLoss[] })[] = [
  {
    value: 'dpo',
    label: 'DPO',
    about: 'Compares with what the model said before. The usual choice.',
    losses: ['sigmoid', 'robust', 'hinge', 'ipo', 'ipo-averaged'],
  },
  {
    value: 'orpo',
    label: 'ORPO',
    about: 'Learns answers and preferences at once, without SFT before.',
    losses: ['orpo'],
  },
  {
    value: 'simpo',
    label: 'SimPO',
    about: 'No comparison with before: quicker, and less held back.',
    losses: ['simpo'],
  },
  { value: 'kto', label: 'KTO', about: 'Takes each answer as good or bad by itself.', losses: ['kto', 'kto-pair'] },
];

export const familyOf = (loss: PreferenceLoss) => families.find(({ losses }) => losses.includes(loss));

/** A model to begin with, as its card shows it. */
export interface Base {
  path: string;
  name: string;
  about: string;
  /** How it is trained where its weights are kept in few bits, which cannot learn themselves. */
  quantised: string | null;
}

/** Weights of fewer than 16 bits cannot all learn. */
export const isQuantised = (weightType: string) => !/^(f|bf)(16|32|64)$/i.test(weightType);

/** "LoRA on a 4-bit base", as such models are trained. */
export function quantisedWords(weightType: string): string {
  const bits = /[1-8]/.exec(weightType)?.[0];
  return bits ? `LoRA on ${bits === '8' ? 'an' : 'a'} ${bits}-bit base` : 'LoRA on a quantised base';
}

function base({ path, name, parameters: weights, file_bytes, weight_type }: ModelInspection): Base {
  const quantised = isQuantised(weight_type) ? quantisedWords(weight_type) : null;
  const size = `${parameters(weights)} weights, ${bytes(file_bytes)}, ${weight_type}`;
  return { path, name, quantised, about: quantised ? `${size}: ${quantised}` : size };
}

const isAdapter = ({ base }: ModelInspection) => (base ?? null) !== null;

/** Models that a run can begin with: those that can be read, without adapters, each once. */
export function bases(known: ModelEntry[], picked: ModelInspection[]): Base[] {
  const readable = known
    .filter(({ standing }) => standing.state === 'loaded' || standing.state === 'on_disk')
    .flatMap(({ inspection, name }) => (inspection ? [{ ...inspection, name }] : []));
  const seen = new Set<string>();
  return [...readable, ...picked]
    .filter((model) => !isAdapter(model) && !seen.has(model.path) && seen.add(model.path))
    .map(base);
}

/** Why a picked model cannot be begun with. */
export const refusedBase = (model: ModelInspection) =>
  isAdapter(model) ? `${model.name} is an adapter. Choose the model that it belongs to.` : null;

export const fileName = (path: string) => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

/** What a dropped file means to the wizard; null is not for it. */
export function dropped(paths: string[]): 'data' | 'recipe' | null {
  const name = (path: string) => fileName(path).toLowerCase();
  if (paths.length === 1 && paths.every((path) => name(path).endsWith('.toml'))) return 'recipe';
  // A model's folder holds files of these kinds too.
  const ofModel = /(^|[._-])(config|tokenizer|vocab|index|special_tokens_map|added_tokens)\.json$/;
  const isData = (path: string) => /\.(jsonl|json|csv|gz)$/.test(name(path)) && !ofModel.test(name(path));
  return paths.length > 0 && paths.every(isData) ? 'data' : null;
}

/** "NeuralChat starter, greetings": what people may call a run unless they say otherwise. */
export function proposedName(model: string, files: string[]): string {
  const plain = (path: string) => fileName(path).replace(/(\.(jsonl|json|csv|gz))+$/i, '');
  const [first, ...others] = files;
  const data = first === undefined ? '' : `, ${plain(first)}`;
  return `${model}${data}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}

export interface Rows {
  used: number;
  refused: number;
  all: number;
}

export function rowsOf(look: DataLook): Rows {
  const sum = (of: (file: DataLook['files'][number]) => number) =>
    look.files.reduce((total, file) => total + of(file), 0);
  const all = sum(({ rows }) => rows);
  const used = sum((file) => file.used);
  return { all, used, refused: all - used };
}

/** Why data and method do not go together, and the way out. */
export interface Mismatch {
  cause: string;
  remedy: string;
  /** The method that these rows are for. */
  use: Stage | null;
}

/** Whether rows can be used for a stage. Of pairs the chosen answers can be learnt. */
export function mismatch(stage: Stage, look: DataLook): Mismatch | null {
  const broken = look.files.find(({ error }) => error !== null);
  if (broken)
    return {
      cause: `${broken.name} cannot be used.`,
      remedy: 'Take it off the list, or choose another file.',
      use: null,
    };
  if (rowsOf(look).used === 0)
    return { cause: 'No row can be used.', remedy: 'Choose another file, or correct the rows.', use: null };
  if (look.stage === null)
    return {
      cause: 'These files hold rows of different kinds: answers in some, preference pairs in others.',
      remedy: 'Keep files of one kind.',
      use: null,
    };
  if (stage === 'preference' && look.stage === 'sft')
    return {
      cause: 'These rows hold one answer each. Preferences need a chosen and a rejected answer in every row.',
      remedy: 'Learn the answers instead, or choose a file of preference pairs.',
      use: 'sft',
    };
  return null;
}

/** Pairs used for SFT: it works, and a person should know what becomes of the rejected answers. */
export const chosenOnly = (stage: Stage, look: DataLook | null) => stage === 'sft' && look?.stage === 'preference';

/** Something to do before a run can start, and the button that does it. */
export interface Obstacle {
  cause: string;
  remedy: string;
  /** The card it belongs to. */
  at: Step;
  button:
    | { label: string; go: Step; /** What has to be changed is not among the simple knobs. */ advanced?: boolean }
    | { label: string; recipe: Recipe }
    | { label: string; stage: Stage };
}

const cards: Record<BlockerCode, Step> = {
  memory: 'method',
  disk: 'method',
  'quantized-base': 'method',
  rank: 'method',
  targets: 'method',
  template: 'method',
  'nothing-to-train': 'data',
  context: 'method',
  'too-few-rows': 'data',
  recipe: 'method',
};

/** Knobs that take these out of the way are not among the simple ones. */
const advanced: BlockerCode[] = ['template', 'targets', 'disk', 'recipe'];

const places: Record<Step, string> = {
  model: 'Choose a model',
  data: 'Look at the data',
  method: 'Change the method',
  review: 'Review',
};

function ofBlocker({ code, cause, remedy, fix }: PlanBlocker): Obstacle {
  const at = cards[code];
  if (fix) return { cause, remedy, at, button: { label: fix.label, recipe: fix.recipe } };
  return { cause, remedy, at, button: { label: places[at], go: at, advanced: advanced.includes(code) } };
}

/** What was chosen so far. */
export interface Chosen {
  model: string | null;
  files: string[];
  stage: Stage;
  look: DataLook | null;
  plan: RunPlan | null;
}

/** Everything that stands in the way; the person's own choices first, then what the plan found. */
export function obstacles({ model, files, stage, look, plan }: Chosen): Obstacle[] {
  const found: Obstacle[] = [];
  if (model === null)
    found.push({
      cause: 'No model is chosen.',
      remedy: 'Choose the model that shall learn.',
      at: 'model',
      button: { label: 'Choose a model', go: 'model' },
    });
  if (files.length === 0)
    found.push({
      cause: 'No data is chosen.',
      remedy: 'Choose files to learn from, or try a sample set.',
      at: 'data',
      button: { label: 'Choose data', go: 'data' },
    });
  const wrong = look ? mismatch(stage, look) : null;
  if (wrong)
    found.push({
      cause: wrong.cause,
      remedy: wrong.remedy,
      at: 'data',
      button: wrong.use ? { label: 'Learn the answers (SFT)', stage: wrong.use } : { label: places.data, go: 'data' },
    });
  return [...found, ...(plan?.blockers ?? []).map(ofBlocker)];
}

/** Why a run cannot start now; null when it can. */
export function whyNot(state: {
  obstacles: Obstacle[];
  looking: boolean;
  planning: boolean;
  measuring: boolean;
  failed: boolean;
  planned: boolean;
  name: string;
}): string | null {
  const [first, ...others] = state.obstacles;
  if (first) return others.length > 0 ? `${first.cause} And ${others.length} more.` : first.cause;
  if (state.looking) return 'The data is being read.';
  if (state.measuring) return 'Measuring this computer, about two seconds.';
  if (state.planning) return 'Working out what it takes.';
  if (state.failed || !state.planned) return 'What it takes could not be worked out.';
  return state.name.trim() === '' ? 'The run has no name.' : null;
}

/** "about 4 min": no finer than an estimate is. */
export function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

export function timeWords({ low, expected, high }: TimeBand): { about: string; band: string } {
  return { about: `about ${roughly(expected)}`, band: `${roughly(low)} to ${roughly(high)}` };
}

/** 0.8 %, 12 %, 100 %. */
export function share(part: number, whole: number): string {
  if (whole <= 0) return '0 %';
  const percent = (part / whole) * 100;
  return `${percent < 9.95 ? Number(percent.toPrecision(2)) : Math.round(percent)} %`;
}

/** The parts of the memory in words, in the order of the sentence they belong to. */
export function memoryRows({ memory }: PlanFigures): [string, number][] {
  return [
    ['The model’s weights', memory.weights],
    ['What learns, and its optimizer', memory.parameters],
    ['Kept of the longest rows', memory.kept],
    ['Room to compute in', memory.buffers],
    ['Rows', memory.data],
  ];
}

const stageWords = (recipe: Recipe) =>
  recipe.stage === 'sft' ? 'SFT' : (familyOf(recipe.preference.loss)?.label ?? 'preferences');

/** The method in a line: "SFT, LoRA of rank 8, 1 pass". */
export function methodLine(recipe: Recipe): string {
  const { method, optimisation } = recipe;
  const learns = method.kind === 'lora' ? `LoRA of rank ${method.rank ?? 16}` : 'all weights';
  const steps = optimisation.max_steps ?? null;
  const length = steps === null ? plural(optimisation.epochs ?? 1, 'pass', 'passes') : plural(steps, 'step');
  return `${stageWords(recipe)}, ${learns}, ${length}`;
}

export function dataLine(files: string[], look: DataLook | null): string {
  const [first] = files;
  if (first === undefined) return '';
  const names = files.length === 1 ? fileName(first) : `${fileName(first)} and ${files.length - 1} more`;
  if (!look) return names;
  const { used, refused } = rowsOf(look);
  return `${names}, ${plural(used, 'row')}${refused > 0 ? `, ${count(refused)} refused` : ''}`;
}

/** What will be done, in three sentences. */
export function intention(recipe: Recipe, figures: PlanFigures, model: string): string[] {
  const { method, optimisation, data, evaluation } = recipe;
  const pairs = recipe.stage === 'preference';
  const rows = plural(figures.rows, pairs ? 'pair' : 'row');
  const what = pairs
    ? `to prefer the chosen answers of ${rows} (${stageWords(recipe)})`
    : `to answer like ${rows} (SFT)`;
  const how =
    method.kind === 'lora'
      ? 'in an adapter beside its weights, which stay as they are'
      : 'in all of its weights, as a new model; the old one stays as it is';
  const steps = optimisation.max_steps ?? null;
  const passes = steps === null ? `, ${plural(optimisation.epochs ?? 1, 'pass', 'passes')} in all` : '';
  const heldOut = data.held_out > 0 || (data.held_out_file ?? null) !== null;
  const often = evaluation.every_steps > 0 ? `every ${plural(evaluation.every_steps, 'step')}` : 'at the end';
  return [
    `${model} learns ${what}, ${how}.`,
    `It makes ${plural(figures.steps, 'step')} of up to ${plural(batch(recipe), pairs ? 'pair' : 'row')}${passes}` +
      `${heldOut ? `, and is measured on held-out rows ${often}` : ', without held-out rows to measure it on'}.`,
    'You can pause or stop it at any time; at the end the model before and after answer the same questions side by side.',
  ];
}

/** The run that a new one would wait for. */
export function ahead(runs: RunSummary[]): RunSummary | null {
  const over = ['finished', 'stopped', 'interrupted', 'failed'];
  return runs.find(({ standing, discarded }) => discarded === null && !over.includes(standing.state)) ?? null;
}
