import { describe, expect, it } from 'vitest';

import type { BlockerCode, DataLook, ModelInspection, PlanBlocker, RunPlan, RunSummary, Stage } from '../src/backend';
import { entry, failedEntries, inspection } from '../src/backend/mock/models';
import { lookAt, recipeOf } from '../src/backend/mock/wizard';
import { apply } from '../src/logic/recipe';
import {
  ahead,
  bases,
  chosenOnly,
  dataLine,
  dropped,
  intention,
  isQuantised,
  methodLine,
  mismatch,
  obstacles,
  proposedName,
  quantisedWords,
  refusedBase,
  roughly,
  share,
  whyNot,
} from '../src/logic/wizard';

const answers = lookAt(['/data/a.jsonl']);
const pairs = lookAt(['/data/pairs.jsonl']);
const mixed = lookAt(['/data/a.jsonl', '/data/pairs.jsonl']);
const broken = lookAt(['/data/holiday.json']);
const empty: DataLook = { ...answers, files: answers.files.map((file) => ({ ...file, used: 0 })) };
const refused = lookAt(['/data/a.csv']);
const sft = recipeOf({ model: 'starter', files: ['a.jsonl'], stage: 'sft', preset: 'balanced' });
const dpo = recipeOf({ model: 'starter', files: ['a.jsonl'], stage: 'preference', preset: 'quick_taste' });

describe('models to begin with', () => {
  const q4 = inspection('/m/q4.gguf', { weight_type: 'Q4_K' });
  const adapter = inspection('/m/adapter', { base: '/m/q4.gguf' });

  it('are those that can be read, each once, without adapters', () => {
    const known = [entry(q4), entry(adapter), ...failedEntries];
    const found = bases(known, [q4, inspection('/m/new')]);
    expect(found.map(({ path }) => path)).toEqual(['/m/q4.gguf', '/m/new']);
    expect(found[0]?.quantised).toBe('LoRA on a 4-bit base');
    expect(found[0]?.about).toContain('2.2 GB, Q4_K: LoRA on a 4-bit base');
    expect(found[1]?.quantised).toBeNull();
  });

  it.each<[ModelInspection, boolean]>([
    [q4, false],
    [adapter, true],
  ])('refuse adapters', (model, no) => expect(refusedBase(model) !== null).toBe(no));

  it.each([
    ['F32', false],
    ['BF16', false],
    ['F16', false],
    ['Q8_0', true],
    ['Q4_K', true],
    ['INT4', true],
  ])('%s', (type, quantised) => expect(isQuantised(type)).toBe(quantised));

  it.each([
    ['Q8_0', 'LoRA on a 8-bit base'],
    ['INT4', 'LoRA on a 4-bit base'],
    ['NF', 'LoRA on a quantised base'],
  ])('%s is trained as %s', (type, words) => expect(quantisedWords(type)).toBe(words.replace('a 8', 'an 8')));
});

describe('a drop', () => {
  it.each<[string[], 'data' | 'recipe' | null]>([
    [['/d/rows.jsonl'], 'data'],
    [['/d/rows.JSON', 'C:\\d\\more.csv.gz'], 'data'],
    [['/d/recipe.toml'], 'recipe'],
    [['/d/one.toml', '/d/two.toml'], null],
    [['/d/rows.jsonl', '/m/model.gguf'], null],
    [['/m/model.gguf'], null],
    [['/m/folder'], null],
    [['/m/config.json'], null],
    [['/m/model.safetensors.index.json'], null],
    [['/m/tokenizer.json'], null],
    [[], null],
  ])('of %j is %j', (paths, kind) => expect(dropped(paths)).toBe(kind));
});

describe('data and method', () => {
  it.each<[string, Stage, DataLook, RegExp | null, Stage | null]>([
    ['answers', 'sft', answers, null, null],
    ['pairs', 'preference', pairs, null, null],
    ['pairs', 'sft', pairs, null, null],
    ['answers', 'preference', answers, /one answer each/, 'sft'],
    ['mixed files', 'sft', mixed, /different kinds/, null],
    ['a broken file', 'sft', broken, /holiday\.json cannot be used/, null],
    ['no row', 'sft', empty, /No row/, null],
  ])('%s for %s', (_, stage, look, cause, use) => {
    const found = mismatch(stage, look);
    if (cause === null) expect(found).toBeNull();
    else expect(found?.cause).toMatch(cause);
    expect(found?.use ?? null).toBe(use);
  });

  it('tell when only the chosen answers of pairs are learnt', () => {
    expect(chosenOnly('sft', pairs)).toBe(true);
    expect(chosenOnly('preference', pairs)).toBe(false);
    expect(chosenOnly('sft', answers)).toBe(false);
    expect(chosenOnly('sft', null)).toBe(false);
  });
});

describe('obstacles', () => {
  const nothing = { model: null, files: [], stage: 'sft' as const, look: null, plan: null };
  const all = { model: 'starter', files: ['a.jsonl'], stage: 'sft' as const, look: answers };
  const blocked = (code: BlockerCode, fix: PlanBlocker['fix'] = null): RunPlan => ({
    blockers: [{ code, cause: 'Cause.', remedy: 'Remedy.', fix }],
    warnings: [],
    figures: null,
  });

  it('are what is missing first', () => {
    expect(obstacles(nothing).map(({ at, button }) => [at, button])).toEqual([
      ['model', { label: 'Choose a model', go: 'model' }],
      ['data', { label: 'Choose data', go: 'data' }],
    ]);
  });

  it('offer another method for data of the wrong kind', () => {
    const [found] = obstacles({ ...all, stage: 'preference', plan: null });
    expect(found?.button).toEqual({ label: 'Learn the answers (SFT)', stage: 'sft' });
  });

  it('give the recipe that a fix takes', () => {
    const [found] = obstacles({ ...all, plan: blocked('memory', { label: 'Smaller', recipe: dpo }) });
    expect(found?.button).toEqual({ label: 'Smaller', recipe: dpo });
  });

  it.each<[BlockerCode, string, boolean]>([
    ['memory', 'method', false],
    ['disk', 'method', true],
    ['quantized-base', 'method', false],
    ['rank', 'method', false],
    ['targets', 'method', true],
    ['template', 'method', true],
    ['nothing-to-train', 'data', false],
    ['context', 'method', false],
    ['too-few-rows', 'data', false],
    ['recipe', 'method', true],
  ])('%s without a fix shows the card %s', (code, go, advanced) => {
    const [found] = obstacles({ ...all, plan: blocked(code) });
    expect(found?.button).toMatchObject({ go, advanced });
  });
});

describe('why a run cannot start', () => {
  const ready = {
    obstacles: [],
    looking: false,
    planning: false,
    measuring: false,
    failed: false,
    planned: true,
    name: 'One',
  };
  const [obstacle] = obstacles({ model: null, files: ['a'], stage: 'sft', look: null, plan: null });
  it.each<[Partial<Parameters<typeof whyNot>[0]>, RegExp | null]>([
    [{}, null],
    [{ name: ' ' }, /no name/],
    [{ planned: false }, /could not be worked out/],
    [{ failed: true }, /could not be worked out/],
    [{ planning: true }, /Working out/],
    [{ planning: true, measuring: true }, /Measuring/],
    [{ looking: true, planned: false }, /being read/],
    [{ obstacles: obstacle ? [obstacle] : [] }, /^No model is chosen\.$/],
    [{ obstacles: obstacle ? [obstacle, obstacle, obstacle] : [] }, /And 2 more/],
  ])('%o', (change, words) => {
    const found = whyNot({ ...ready, ...change });
    if (words === null) expect(found).toBeNull();
    else expect(found).toMatch(words);
  });
});

describe('words', () => {
  it.each([
    ['starter', ['/d/ships-cook.jsonl'], 'starter, ships-cook'],
    ['starter', ['C:\\d\\a.csv.gz', 'b.json'], 'starter, a and 1 more'],
    ['starter', [], 'starter'],
  ])('name a run of %s and %j', (model, files, name) => expect(proposedName(model, files)).toBe(name));

  it.each([
    [0.2, '1 s'],
    [42.4, '42 s'],
    [100, '2 min'],
    [3600, '60 min'],
    [7200, '2 h'],
    [9000, '2 h 30 min'],
    [400_000, '5 days'],
  ])('%d seconds are roughly %s', (seconds, words) => expect(roughly(seconds)).toBe(words));

  it.each([
    [1, 3, '33 %'],
    [1, 1250, '0.08 %'],
    [5, 5, '100 %'],
    [0, 0, '0 %'],
  ])('%d of %d is %s', (part, whole, words) => expect(share(part, whole)).toBe(words));

  it('say on a card what was chosen', () => {
    expect(dataLine([], null)).toBe('');
    expect(dataLine(['/d/a.csv'], null)).toBe('a.csv');
    expect(dataLine(['/d/a.csv'], refused)).toMatch(/^a\.csv, 1.043 rows, 197 refused$/);
    expect(methodLine(sft)).toBe('SFT, LoRA of rank 16, 3 passes');
    expect(methodLine(dpo)).toBe('DPO, LoRA of rank 8, 1 pass');
    const orpo = apply(dpo, { 'preference.loss': 'orpo', 'method.kind': 'full', 'optimisation.max_steps': 100 });
    expect(methodLine(orpo)).toBe('ORPO, all weights, 100 steps');
  });

  const figures = {
    memory_bytes: 5,
    memory: { weights: 1, parameters: 1, kept: 1, buffers: 1, data: 1 },
    available_bytes: 10,
    seconds: null,
    disk_bytes: 1,
    disk_free_bytes: 2,
    steps: 72,
    tokens: 100,
    trained_tokens: 40,
    parameters: 1,
    model_parameters: 100,
    rows: 380,
    dropped: [],
    cut: 0,
  };
  it('tell what will be done in three sentences', () => {
    const said = intention(sft, figures, 'Starter');
    expect(said).toHaveLength(3);
    expect(said[0]).toBe(
      'Starter learns to answer like 380 rows (SFT), in an adapter beside its weights, which stay as they are.',
    );
    expect(said[1]).toBe(
      'It makes 72 steps of up to 16 rows, 3 passes in all, and is measured on held-out rows every 50 steps.',
    );
    const other = apply(dpo, { 'data.held_out': 0, 'method.kind': 'full', 'optimisation.max_steps': 72 });
    const [first, second] = intention(other, figures, 'Starter');
    expect(first).toMatch(/prefer the chosen answers of 380 pairs \(DPO\), in all of its weights/);
    expect(second).toBe('It makes 72 steps of up to 8 pairs, without held-out rows to measure it on.');
  });
});

describe('the run that a new one waits for', () => {
  const run = (state: 'running' | 'finished' | 'paused', discarded: string | null = null) =>
    ({
      id: state,
      standing: state === 'finished' ? { state, early: null, kept_step: 1 } : { state },
      discarded,
    }) as RunSummary;
  it.each([
    [[], null],
    [[run('finished')], null],
    [[run('finished'), run('running')], 'running'],
    [[run('paused')], 'paused'],
    [[run('running', '2026-01-01T00:00:00Z')], null],
  ])('of %o is %j', (runs, id) => expect(ahead(runs)?.id ?? null).toBe(id));
});
