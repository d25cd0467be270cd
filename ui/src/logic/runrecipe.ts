// A recipe as a person reads it.
import type { Method, PreferenceLoss, Recipe, ScheduleKind } from '../backend';
import { count } from './format';
import { figure } from './runfigures';

export interface RecipeGroup {
  heading: string;
  facts: [string, string][];
}

const losses: Record<PreferenceLoss, string> = {
  sigmoid: 'DPO',
  robust: 'robust DPO',
  hinge: 'hinge (SLiC)',
  ipo: 'IPO',
  'ipo-averaged': 'IPO, averaged over tokens',
  'kto-pair': 'KTO on pairs',
  kto: 'KTO',
  orpo: 'ORPO',
  simpo: 'SimPO',
};

const schedules: Record<ScheduleKind, string> = {
  linear: 'falls in a straight line',
  cosine: 'falls along a cosine',
  constant: 'stays the same',
};

const known = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined;
const yesNo = (value: boolean) => (value ? 'yes' : 'no');
const every = (steps: number) => (steps === 0 ? 'only at the end' : `every ${count(steps)} steps`);

function methodFacts(method: Method): [string, string][] {
  if (method.kind === 'full') return [['What learns', 'the whole model']];
  return [
    ['What learns', 'a LoRA adapter'],
    ['Rank', count(method.rank)],
    ['Alpha', figure(method.alpha)],
    ['Dropout', figure(method.dropout)],
    ['Layers', method.targets === 'all' ? 'all linear layers' : method.targets.join(', ')],
    ['Rank-stabilised', yesNo(method.rslora)],
  ];
}

function dataFacts({ data }: Recipe): [string, string][] {
  const held = data.held_out_file ?? (data.held_out > 0 ? `${figure(data.held_out * 100)} % of the rows` : 'no rows');
  const facts: [string, string][] = [
    ['Files', data.files.join(', ')],
    ['Held out', held],
    ['Shuffled', yesNo(data.shuffle)],
    ['Seed', String(data.seed)],
  ];
  if (known(data.max_rows)) facts.push(['Rows at most', count(data.max_rows)]);
  return facts;
}

function stageFacts({ stage, sft, preference }: Recipe): [string, string][] {
  if (stage === 'sft') return [['Trained', sft.answers_only ? 'the answers only' : 'every token']];
  const facts: [string, string][] = [['Loss', losses[preference.loss]]];
  if (known(preference.beta)) facts.push(['Beta', figure(preference.beta)]);
  if (known(preference.label_smoothing)) facts.push(['Label smoothing', figure(preference.label_smoothing)]);
  return facts;
}

function lengthFacts({ optimisation }: Recipe): [string, string][] {
  if (known(optimisation.max_steps)) return [['Steps', count(optimisation.max_steps)]];
  return [['Epochs', count(optimisation.epochs ?? 1)]];
}

/** A recipe's knobs in groups, in the order of the wizard. */
export function recipeGroups(recipe: Recipe, modelName: string): RecipeGroup[] {
  const { optimisation, evaluation, checkpoints, machine } = recipe;
  const warmup = optimisation.warmup_steps ?? null;
  return [
    { heading: 'Model', facts: [['Begins with', modelName], ...paths(recipe)] },
    { heading: 'Data', facts: dataFacts(recipe) },
    {
      heading: 'Method',
      facts: [
        ['Kind', recipe.stage === 'sft' ? 'supervised' : 'preferences'],
        ...stageFacts(recipe),
        ...methodFacts(recipe.method),
      ],
    },
    {
      heading: 'Learning',
      facts: [
        ...lengthFacts(recipe),
        ['Learning rate', figure(optimisation.learning_rate)],
        ['Then it', schedules[optimisation.schedule]],
        [
          'Warm-up',
          warmup !== null
            ? `${count(warmup)} steps`
            : `${figure((optimisation.warmup_ratio ?? 0) * 100)} % of the steps`,
        ],
        [
          'Rows a step',
          `${count(optimisation.micro_batch * optimisation.accumulation)} (${count(optimisation.micro_batch)} at a time)`,
        ],
        ['Longest row', `${count(optimisation.max_tokens)} tokens`],
        ['Weight decay', figure(optimisation.weight_decay)],
        ['Gradient held to', figure(optimisation.clip)],
      ],
    },
    {
      heading: 'Along the way',
      facts: [
        ['Held-out loss', every(evaluation.every_steps)],
        [
          'Early stopping',
          evaluation.early_stopping === 0 ? 'never' : `after ${count(evaluation.early_stopping)} without a better one`,
        ],
        ['Checkpoints', every(checkpoints.every_steps)],
        ['Processor', machine.cores === 0 ? 'all cores' : `${count(machine.cores)} cores`],
      ],
    },
  ];
}

function paths({ model, start_adapter }: Recipe): [string, string][] {
  const facts: [string, string][] = model === 'starter' ? [] : [['It lies in', model]];
  if (known(start_adapter)) facts.push(['With the adapter', start_adapter]);
  return facts;
}
