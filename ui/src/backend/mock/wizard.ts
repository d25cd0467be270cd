// The stand-in's part of fine-tuning before a run starts: data looked at, recipes, plans.
import type { CommandName, Request, Response } from '../index';
import type {
  ApiError,
  DataFile,
  DataLook,
  DataRow,
  ModelInspection,
  NewRecipe,
  PlanBlocker,
  PlanFigures,
  Recipe,
  RunPlan,
  SampleData,
  Stage,
} from '../types';
import { fail, type Core } from './core';
import { entry, inspection, onDisk } from './models';

type Name = 'data_pick' | 'data_look' | 'data_samples' | 'recipe_new' | 'recipe_open' | 'recipe_save' | 'run_plan';
type Handlers = { [K in Name & CommandName]: (request: Request<K>) => Response<K> | Promise<Response<K>> };

/** What the stand-in's computer is like. */
export interface WizardFacts {
  /** What the native dialog gives; none is a person who cancels. */
  pick: string[];
  /** The recipe's file that the native dialog gives. */
  recipe: string | null;
  available_bytes: number;
  disk_free_bytes: number;
  /** Models that are known beside the core's own. */
  models: ModelInspection[];
  /** How long data, plans and measurements take, milliseconds. */
  look_ms: number;
  plan_ms: number;
  measure_ms: number;
  /** Why nothing can be planned. */
  planFails: ApiError | null;
}

const usual: WizardFacts = {
  pick: ['/home/ada/data/support-answers.jsonl'],
  recipe: '/home/ada/recipes/support.toml',
  available_bytes: 24_100_000_000,
  disk_free_bytes: 212_000_000_000,
  models: [],
  look_ms: 120,
  plan_ms: 60,
  measure_ms: 2000,
  planFails: null,
};

/** `?state=NAME` puts the wizard's stand-in into a state. */
const scenes: Record<string, Partial<WizardFacts>> = {
  'wizard-memory': { available_bytes: 60_000_000 },
  'wizard-disk': { disk_free_bytes: 1_000_000 },
  'wizard-refused': { pick: ['/home/ada/data/exported-chats.csv'] },
  'wizard-pairs': { pick: ['/home/ada/data/preferred.jsonl'] },
  'wizard-mixed': { pick: ['/home/ada/data/support-answers.jsonl', '/home/ada/data/preferred.jsonl'] },
  'wizard-unreadable': { pick: ['/home/ada/data/holiday.json'] },
  'wizard-quantised': {
    models: [
      inspection('/home/ada/models/qwen3-4b-instruct.Q4_K_M.gguf', {
        name: 'qwen3-4b-instruct.Q4_K_M',
        format: 'GGUF',
        weight_type: 'Q4_K',
        parameters: 4_022_468_096,
        file_bytes: 2_497_280_000,
      }),
      inspection('/home/ada/models/cook', { name: 'cook', format: 'adapter of NeuralChat Starter', base: 'starter' }),
    ],
  },
  'wizard-slow': { look_ms: 4000, plan_ms: 3000, measure_ms: 6000 },
  'wizard-failed': {
    planFails: fail(
      'storage',
      'The data could not be read: the disk did not answer.',
      'Plug the disk in and try again.',
    ),
  },
};

const samples: SampleData[] = [
  {
    name: 'Ship’s cook',
    about: 'Teaches the model to answer questions about a galley. 400 rows, about three minutes with the starter.',
    stage: 'sft',
    path: '/app/samples/ships-cook.jsonl',
  },
  {
    name: 'Short answers',
    about: 'Teaches the model to prefer short answers to long ones. 300 pairs.',
    stage: 'preference',
    path: '/app/samples/short-answers.jsonl',
  },
];

const answers: DataRow[] = [
  { prompt: 'What is cooked on Mondays?', answer: 'Pea soup with rye bread, at six bells.', rejected: null },
  {
    prompt: 'How much salt goes into a kettle of soup for thirty sailors when the water was drawn from the barrel?',
    answer: 'Two spoons, and never more before it was tasted.\nThe barrel’s water is salt enough.',
    rejected: null,
  },
  { prompt: 'Who rings the bell?', answer: 'The youngest of the watch.', rejected: null },
];

const pairs: DataRow[] = [
  {
    prompt: 'What is the capital of France?',
    answer: 'Paris.',
    rejected: 'The capital of France, a country in Europe, is Paris, a city that…',
  },
  { prompt: 'Is water wet?', answer: 'Yes.', rejected: 'That is a question which has been asked many times.' },
];

const stageOf = (path: string): Stage | null =>
  /holiday/.test(path) ? null : /short|prefer|pairs/.test(path) ? 'preference' : 'sft';

function file(path: string): DataFile {
  const stage = stageOf(path);
  const name = path.split('/').at(-1) ?? path;
  const rows = path.startsWith('/app') ? (stage === 'sft' ? 400 : 300) : 1240;
  const whole: DataFile = {
    path,
    name,
    bytes: rows * 214,
    format: stage === 'preference' ? 'preference-pairs' : 'alpaca',
    format_words: stage === 'preference' ? 'preference pairs' : 'instructions with answers',
    rows,
    used: rows,
    refused: [],
    error: null,
  };
  if (stage === null)
    return {
      ...whole,
      format: null,
      format_words: '',
      rows: 0,
      used: 0,
      error: fail(
        'bad_request',
        `${name} is not a training file: it is one object, not a list of rows.`,
        'Save it as a JSON array, JSON lines or CSV, in UTF-8, gzipped or not.',
      ),
    };
  if (!name.endsWith('.csv')) return whole;
  return {
    ...whole,
    format: 'prompt-response',
    format_words: 'questions and answers',
    used: rows - 197,
    refused: [
      {
        reason: 'The row has another number of fields than the header.',
        count: 181,
        first_row: 14,
        remedy: 'Put fields with commas or line breaks in quotation marks.',
      },
      {
        reason: 'The row has nothing in column “response”.',
        count: 16,
        first_row: 203,
        remedy: 'Fill the column in, or choose the format that fits these rows.',
      },
    ],
  };
}

export function lookAt(paths: string[]): DataLook {
  const files = paths.map(file);
  const found = [...new Set(paths.map(stageOf))];
  const stage = found.length === 1 ? (found[0] ?? null) : null;
  const rows = files.every(({ error }) => error !== null) ? [] : stage === 'preference' ? pairs : answers;
  return { files, rows, stage };
}

export function recipeOf({ model, files, stage, preset }: NewRecipe): Recipe {
  const quick = preset === 'quick_taste';
  const article = preset === 'article';
  const preference = stage === 'preference';
  return {
    model,
    stage,
    template: 'model',
    data: {
      files,
      format: 'auto',
      held_out: quick ? 0.05 : 0.02,
      shuffle: true,
      seed: 42,
      max_rows: quick ? 2000 : null,
    },
    method: {
      kind: 'lora',
      rank: quick ? 8 : 16,
      alpha: article ? 16 : 32,
      dropout: 0.05,
      targets: 'all',
      rslora: false,
    },
    sft: { answers_only: true, packing: preference ? 'none' : article ? 'flat' : 'isolated' },
    preference: {
      loss: 'sigmoid',
      reference_free: false,
      truncation: 'trl-0.7.1',
      ...(preference ? { beta: 0.1, max_prompt_tokens: 256 } : {}),
    },
    optimisation: {
      epochs: quick ? 1 : 3,
      learning_rate: quick ? 5e-4 : preference ? 5e-5 : 2e-4,
      schedule: quick ? 'linear' : 'cosine',
      warmup_ratio: 0.03,
      micro_batch: 4,
      accumulation: quick ? 2 : 4,
      max_tokens: quick ? 512 : 1024,
      weight_decay: 0,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      clip: 1,
    },
    evaluation: { every_steps: quick ? 20 : 50, early_stopping: quick ? 0 : 3 },
    checkpoints: { every_steps: 50, keep: 2 },
    samples: { prompts: ['What is cooked on Mondays?'], every_steps: 20, max_tokens: 64 },
    machine: { cores: 0, activation_checkpointing: false, precision: 'auto' },
  };
}

const size = (optimisation: Recipe['optimisation']) => optimisation.micro_batch * optimisation.max_tokens;

function figuresOf(recipe: Recipe, model: ModelInspection, facts: WizardFacts, measure: boolean): PlanFigures {
  const { optimisation, method, data } = recipe;
  const look = lookAt(data.files);
  const used = look.files.reduce((sum, found) => sum + found.used, 0);
  const refused = look.files.reduce((sum, found) => sum + found.rows - found.used, 0);
  const rows = Math.round(Math.min(used, data.max_rows ?? used) * (1 - data.held_out));
  const perEpoch = Math.ceil(rows / (optimisation.micro_batch * optimisation.accumulation));
  const steps = optimisation.max_steps ?? perEpoch * (optimisation.epochs ?? 1);
  const full = method.kind === 'full';
  const learning = full ? model.parameters : model.layers * 7 * 2 * model.hidden_size * (method.rank ?? 16);
  const memory = {
    weights: model.parameters * 2,
    parameters: learning * 16,
    kept: size(optimisation) * model.layers * model.hidden_size * (recipe.machine.activation_checkpointing ? 2 : 20),
    buffers: 18_000_000,
    data: rows * 640,
  };
  const tokens = steps * optimisation.micro_batch * optimisation.accumulation * 96;
  const expected = 4 + (tokens * model.parameters) / 1.1e11;
  return {
    memory_bytes: memory.weights + memory.parameters + memory.kept + memory.buffers + memory.data,
    memory,
    available_bytes: facts.available_bytes,
    seconds: measure ? { low: expected * 0.8, expected, high: expected * 1.5 } : null,
    disk_bytes: learning * 12 * (recipe.checkpoints.keep + 1),
    disk_free_bytes: facts.disk_free_bytes,
    steps,
    tokens,
    trained_tokens: Math.round(tokens * 0.38),
    parameters: learning,
    model_parameters: model.parameters,
    rows,
    dropped: refused > 0 ? [{ reason: 'could not be read', count: refused }] : [],
    cut: optimisation.max_tokens < 128 ? Math.round(rows * 0.2) : 0,
  };
}

function blockersOf(recipe: Recipe, model: ModelInspection, figures: PlanFigures): PlanBlocker[] {
  const found: PlanBlocker[] = [];
  const gigabytes = (value: number) => `${(value / 1e9).toPrecision(2)} GB`;
  if (recipe.template === 'model' && model.chat_template === null)
    found.push({
      code: 'template',
      cause: `${model.name} has no chat template of its own.`,
      remedy: 'Choose one of the known templates.',
      fix: { label: 'Use ChatML', recipe: { ...recipe, template: 'chatml' } },
    });
  if (figures.memory_bytes > figures.available_bytes) {
    const { optimisation } = recipe;
    const smaller = {
      ...optimisation,
      micro_batch: 1,
      accumulation: optimisation.micro_batch * optimisation.accumulation,
    };
    const fixed = { ...recipe, optimisation: smaller, machine: { ...recipe.machine, activation_checkpointing: true } };
    const least = optimisation.micro_batch === 1 && recipe.machine.activation_checkpointing;
    found.push({
      code: 'memory',
      cause: `The run takes ${gigabytes(figures.memory_bytes)} of memory; ${gigabytes(figures.available_bytes)} can be taken now.`,
      remedy: least
        ? 'Close other programs, or choose a smaller model.'
        : 'Compute one row at a time, and keep less of it.',
      fix: least ? null : { label: 'One row at a time', recipe: fixed },
    });
  }
  if (figures.disk_bytes > figures.disk_free_bytes)
    found.push({
      code: 'disk',
      cause: `Checkpoints and the result take ${gigabytes(figures.disk_bytes)} on the disk; ${gigabytes(figures.disk_free_bytes)} is free.`,
      remedy: 'Make room, or let the run lie on another disk.',
      fix: null,
    });
  return found;
}

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

const chosenScene = () => scenes[new URLSearchParams(location.search).get('state') ?? ''] ?? {};

export function wizardCommands(core: Core, change: Partial<WizardFacts> = chosenScene()): Handlers {
  const facts: WizardFacts = { ...usual, ...change };
  core.models.push(...facts.models.map((model) => entry(model)));

  function plan(recipe: Recipe, measure: boolean): RunPlan {
    if (facts.planFails) throw facts.planFails;
    const model = onDisk[recipe.model] ?? core.models.find(({ path }) => path === recipe.model)?.inspection;
    if (!model) {
      const cause = `There is no model at ${recipe.model}.`;
      return {
        blockers: [{ code: 'recipe', cause, remedy: 'Choose another one.', fix: null }],
        warnings: [],
        figures: null,
      };
    }
    const figures = figuresOf(recipe, model, facts, measure);
    const left = figures.dropped.reduce((sum, { count }) => sum + count, 0);
    return {
      blockers: blockersOf(recipe, model, figures),
      warnings: left > figures.rows / 10 ? [`${left} of ${left + figures.rows} rows are not trained on.`] : [],
      figures,
    };
  }

  return {
    data_pick: () => ({ paths: facts.pick }),
    data_look: async ({ files }) => {
      await wait(facts.look_ms);
      return lookAt(files);
    },
    data_samples: () => structuredClone(samples),
    recipe_new: (request) => recipeOf(request),
    recipe_open: ({ path }) => {
      const from = path ?? facts.recipe;
      if (from === null) return { path: null, recipe: null };
      const made = recipeOf({
        model: 'starter',
        files: ['/home/ada/data/support-answers.jsonl'],
        stage: 'sft',
        preset: 'balanced',
      });
      return { path: from, recipe: { ...made, optimisation: { ...made.optimisation, learning_rate: 1e-4 } } };
    },
    recipe_save: () => ({ path: facts.recipe }),
    run_plan: async ({ recipe, measure }) => {
      await wait(measure ? facts.measure_ms : facts.plan_ms);
      return plan(recipe, measure);
    },
  };
}
