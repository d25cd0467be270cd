// A recipe as the wizard keeps it: what a preset or a file says, and what the person changed of it.
import type { Lora, PreferenceLoss, Recipe } from '../backend';

export type KnobValue = number | string | boolean | null | string[] | number[];

type Keys<T> = T extends unknown ? keyof T & string : never;
type Plain = string | number | boolean | unknown[];

/** Where a value stands in a recipe: "model", "optimisation.learning_rate". */
export type RecipePath = {
  [K in keyof Recipe & string]-?: NonNullable<Recipe[K]> extends Plain ? K : `${K}.${Keys<NonNullable<Recipe[K]>>}`;
}[keyof Recipe & string];

/** What the person changed, by place. */
export type Changes = Partial<Record<RecipePath, KnobValue>>;

type Table = Record<string, unknown>;

function parts(path: RecipePath): [string, string | undefined] {
  const [table = '', key] = path.split('.');
  return [table, key];
}

export function read(recipe: Recipe, path: RecipePath): KnobValue {
  const [table, key] = parts(path);
  const value = (recipe as Table)[table];
  const found = key === undefined ? value : (value as Table | undefined)?.[key];
  return (found ?? null) as KnobValue;
}

export function write(recipe: Recipe, path: RecipePath, value: KnobValue): Recipe {
  const [table, key] = parts(path);
  if (key === undefined) return { ...recipe, [table]: value };
  return { ...recipe, [table]: { ...((recipe as Table)[table] as Table), [key]: value } };
}

/** Every place of a recipe that holds something. */
export function places(recipe: Recipe): RecipePath[] {
  return Object.entries(recipe).flatMap(([table, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).map((key) => `${table}.${key}` as RecipePath)
      : [table as RecipePath],
  );
}

export function apply(base: Recipe, changes: Changes): Recipe {
  const list = Object.entries(changes) as [RecipePath, KnobValue][];
  return list.reduce((recipe, [path, value]) => write(recipe, path, value), base);
}

/** What has to change for one recipe to become the other. The cards' own choices are not among it. */
export function differences(base: Recipe, other: Recipe): Changes {
  const own: RecipePath[] = ['model', 'data.files', 'stage'];
  const changes: Changes = {};
  for (const path of new Set([...places(base), ...places(other)])) {
    const value = read(other, path);
    if (!own.includes(path) && JSON.stringify(value) !== JSON.stringify(read(base, path))) changes[path] = value;
  }
  return changes;
}

/** Of these only one may be given; the other one becomes this. */
const partners: Partial<Record<RecipePath, [RecipePath, KnobValue]>> = {
  'optimisation.epochs': ['optimisation.max_steps', null],
  'optimisation.max_steps': ['optimisation.epochs', null],
  'optimisation.warmup_steps': ['optimisation.warmup_ratio', null],
  'optimisation.warmup_ratio': ['optimisation.warmup_steps', null],
  'data.held_out_file': ['data.held_out', 0],
  'data.held_out': ['data.held_out_file', null],
};

/** One more change, with what it rules out taken back. */
export function withChange(changes: Changes, path: RecipePath, value: KnobValue): Changes {
  const next: Changes = { ...changes, [path]: value };
  const partner = partners[path];
  if (partner && value !== null && value !== 0) next[partner[0]] = partner[1];
  // Each loss has a beta of its own: one that the preset gave was meant for another.
  if (path === 'preference.loss' && changes['preference.beta'] === undefined) next['preference.beta'] = null;
  return next;
}

/** One change taken back, with what it had ruled out. */
export function withoutChange(changes: Changes, path: RecipePath): Changes {
  const gone = [path, partners[path]?.[0]];
  return Object.fromEntries(Object.entries(changes).filter(([key]) => !gone.includes(key as RecipePath)));
}

/** Which losses know a knob of preferences; those not named here are known to all. */
const known: Partial<Record<RecipePath, PreferenceLoss[]>> = {
  'preference.beta': ['sigmoid', 'robust', 'hinge', 'ipo', 'ipo-averaged', 'kto-pair', 'kto', 'simpo'],
  'preference.label_smoothing': ['sigmoid', 'robust'],
  'preference.gamma': ['simpo'],
  'preference.lambda': ['orpo'],
  'preference.desirable_weight': ['kto'],
  'preference.undesirable_weight': ['kto'],
  'preference.reference_free': ['sigmoid', 'robust', 'hinge', 'ipo', 'ipo-averaged'],
};

/** Whether a recipe knows a knob: the stage, the method and the loss decide. */
export function applies(recipe: Recipe, path: RecipePath): boolean {
  const table = path.split('.')[0];
  if (table === 'preference' && recipe.stage !== 'preference') return false;
  if (path === 'sft.packing' && recipe.stage !== 'sft') return false;
  if (path === 'sft.answers_only' && recipe.stage !== 'sft') return false;
  if ((table === 'method' || path === 'start_adapter') && path !== 'method.kind') return recipe.method.kind === 'lora';
  if (path === 'preference.max_prompt_tokens') return recipe.preference.truncation === 'trl-0.7.1';
  return known[path]?.includes(recipe.preference.loss) ?? true;
}

/** The core's own values, for a recipe that had no adapter and gets one. */
const loraDefaults: Lora = { rank: 16, alpha: 32, dropout: 0, targets: 'all', rslora: false };

const given = (table: object) => Object.fromEntries(Object.entries(table).filter(([, value]) => value !== null));

/** The recipe as the core takes it: knobs that stage, method or loss do not know are left out. */
export function sendable(recipe: Recipe): Recipe {
  const { method, preference, sft } = recipe;
  const lora = { ...loraDefaults, ...(given(method) as Partial<Lora>), kind: 'lora' as const };
  const clean: Recipe = { ...recipe, method: method.kind === 'lora' ? lora : { kind: 'full' } };
  if (method.kind === 'full') delete clean.start_adapter;
  if (recipe.stage === 'sft')
    return { ...clean, preference: { loss: 'sigmoid', reference_free: false, truncation: 'trl-0.7.1' } };
  const kept = Object.entries(preference).filter(
    ([key, value]) => value !== null && applies(recipe, `preference.${key}` as RecipePath),
  );
  return {
    ...clean,
    sft: { ...sft, packing: 'none' },
    preference: {
      loss: preference.loss,
      truncation: preference.truncation,
      reference_free: false,
      ...Object.fromEntries(kept),
    },
  };
}

/** Rows a step. */
export function batch({ optimisation }: Recipe): number {
  return optimisation.micro_batch * optimisation.accumulation;
}

/** The changes for so many rows a step; as many of them together as before, or the most that divide it. */
export function withBatch(recipe: Recipe, changes: Changes, rows: number): Changes {
  let together = Math.min(recipe.optimisation.micro_batch, rows);
  while (rows % together !== 0) together -= 1;
  const next = withChange(changes, 'optimisation.micro_batch', together);
  return withChange(next, 'optimisation.accumulation', rows / together);
}
