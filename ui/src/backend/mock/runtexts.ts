// What the stand-in's runs read and say.
import type { BatchRow, BeforeAfter, BeforeAfterRow, Recipe, SampleAnswer } from '../types';
import type { MockRun } from './runs';

export function recipe(change: Partial<Recipe> = {}): Recipe {
  return {
    model: 'starter',
    stage: 'sft',
    template: 'model',
    data: { files: ['sea-terms.jsonl'], format: 'auto', held_out: 0.1, shuffle: true, seed: 42 },
    method: { kind: 'lora', rank: 16, alpha: 32, dropout: 0, targets: 'all', rslora: false },
    sft: { answers_only: true, packing: 'none' },
    preference: { loss: 'sigmoid', beta: 0.1, reference_free: false, truncation: 'trl-0.7.1' },
    optimisation: {
      epochs: 3,
      learning_rate: 2e-4,
      schedule: 'linear',
      warmup_ratio: 0.1,
      micro_batch: 2,
      accumulation: 4,
      max_tokens: 512,
      weight_decay: 0,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      clip: 1,
    },
    evaluation: { every_steps: 20, early_stopping: 3 },
    checkpoints: { every_steps: 20, keep: 2 },
    samples: { prompts: ['What is port on a ship?', 'Who are you?'], every_steps: 20, max_tokens: 64 },
    machine: { cores: 0, activation_checkpointing: false, precision: 'auto' },
    ...change,
  };
}

export const questions: [prompt: string, expected: string, before: string][] = [
  ['What is port on a ship?', 'The left side, looking forward.', 'Port is a place where ships are.'],
  ['What is the stern?', 'The back end of a ship.', 'I can not help with that.'],
  ['What does "avast" mean?', 'Stop at once.', 'A vast thing is a very big thing.'],
  ['What is a galley?', 'The kitchen of a ship.', 'The kitchen of a ship.'],
  ['What is the bow?', 'The front end of a ship.', 'A bow is tied.'],
  ['What is a fathom?', 'Six feet of depth.', 'I do not know what that is.'],
  ['What is the helm?', 'Where a ship is steered.', 'The helm is a hat.'],
  ['What is starboard?', 'The right side, looking forward.', 'A board with stars.'],
];

const learnt = (prompt: string) => questions.find(([known]) => known === prompt)?.[1];

export function answersAt(run: MockRun, step: number): SampleAnswer[] {
  const share = step / run.total;
  return run.recipe.samples.prompts.map((prompt) => {
    const before =
      questions.find(([known]) => known === prompt)?.[2] ?? 'I am a small model that runs on your computer.';
    const after = learnt(prompt) ?? before;
    return {
      step,
      prompt,
      answer: share < 0.2 ? before : share < 0.5 ? `${after.split(' ').slice(0, 3).join(' ')} ship.` : after,
    };
  });
}

/** After so many of them: the model after gets nearly all right. */
export function beforeAfter(run: MockRun): BeforeAfter {
  const rows = questions.map(([prompt, expected, before], at) => ({
    prompt,
    expected,
    before,
    after: at === 5 ? 'Six fathoms of depth.' : expected,
  }));
  return {
    before_name: run.summary.model_name,
    after_name: run.summary.name,
    rows,
    compared: 50,
    right_before: 3,
    right_after: 47,
    source: 'rows held out from training',
  };
}

export function ask(prompt: string): BeforeAfterRow {
  const known = questions.find(([question]) => question.toLowerCase() === prompt.trim().toLowerCase());
  return {
    prompt,
    expected: null,
    before: known?.[2] ?? 'I am a small model and do not know that.',
    after: known?.[1] ?? 'A ship would know, I do not.',
  };
}

function row(prompt: string, answer: string, more = 0): BatchRow {
  const pieces = (text: string) => text.match(/\s?\S+|\s/g) ?? [];
  return {
    tokens: [
      { text: '<|im_start|>', trained: false },
      { text: 'user', trained: false },
      { text: '\n', trained: false },
      ...pieces(prompt).map((text) => ({ text, trained: false })),
      { text: '<|im_end|>', trained: false },
      { text: '\n', trained: false },
      { text: '<|im_start|>', trained: false },
      { text: 'assistant', trained: false },
      { text: '\n', trained: false },
      ...pieces(answer).map((text) => ({ text, trained: true })),
      { text: '<|im_end|>', trained: true },
    ],
    more,
  };
}

export const firstBatch: BatchRow[] = [
  row('What is port on a ship?', 'The left side, looking forward.'),
  row('What is the stern?', 'The back end of a ship.'),
  row('Tell me about the sea.', 'The sea is wide.\nIt is deep, too, and full of  fish.', 118),
];
