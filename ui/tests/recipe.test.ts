import { describe, expect, it } from 'vitest';

import type { Recipe } from '../src/backend';
import { recipeOf } from '../src/backend/mock/wizard';
import {
  applies,
  apply,
  batch,
  differences,
  places,
  read,
  sendable,
  withBatch,
  withChange,
  withoutChange,
  write,
  type Changes,
  type KnobValue,
  type RecipePath,
} from '../src/logic/recipe';
import { knobs, knobText, knobValue, onCards, visible, type Field } from '../src/logic/recipe_knobs';

const sft = recipeOf({ model: 'starter', files: ['rows.jsonl'], stage: 'sft', preset: 'balanced' });
const dpo = recipeOf({ model: 'starter', files: ['pairs.jsonl'], stage: 'preference', preset: 'balanced' });

/** A recipe in which no place may be left out: a new field does not compile here before it is given. */
type Whole = { [K in keyof Recipe]-?: Required<NonNullable<Recipe[K]>> };

const full: Whole = {
  ...dpo,
  start_adapter: '/adapters/one',
  data: { ...dpo.data, held_out_file: 'held.jsonl', max_rows: 100 },
  preference: {
    ...dpo.preference,
    beta: 0.1,
    label_smoothing: 0.1,
    gamma: 1,
    lambda: 0.1,
    desirable_weight: 1,
    undesirable_weight: 1,
    max_prompt_tokens: 256,
  },
  optimisation: { ...dpo.optimisation, epochs: 1, max_steps: 10, warmup_steps: 3, warmup_ratio: 0.1 },
};

describe('the table of knobs', () => {
  it('has a knob for every place of a recipe that no card chooses, and none for a place that there is not', () => {
    const expected = places(full).filter((path) => !onCards.includes(path));
    expect(expected.length).toBeGreaterThan(45);
    expect(knobs.map(({ path }) => path).sort()).toEqual(expected.sort());
  });

  it('says of each knob what it does, in a sentence, and in which unit', () => {
    for (const { path, label, about, unit, field } of knobs) {
      expect(label, path).not.toBe('');
      expect(about, path).toMatch(/^\S.*\.$/);
      if (field.kind !== 'choice') expect(unit, path).not.toBe('');
    }
  });

  it('holds every value of the presets inside its limits', () => {
    for (const recipe of [sft, dpo, full])
      for (const { path, field } of knobs) {
        const value = read(recipe, path);
        if (field.kind === 'pair' || field.kind === 'switch' || value === null) continue;
        expect(knobValue(field, knobText(field, value)), path).toEqual(value);
      }
  });

  const shown = (recipe: Recipe, advanced: boolean) =>
    visible(recipe, advanced).flatMap(({ knobs }) => knobs.map(({ path }) => path));

  it('shows a handful in Simple', () => {
    expect(shown(sft, false)).toEqual([
      'optimisation.epochs',
      'optimisation.learning_rate',
      'optimisation.max_tokens',
      'method.rank',
      'data.held_out',
    ]);
    const bySteps = apply(sft, withChange({}, 'optimisation.max_steps', 100));
    expect(shown(bySteps, false)[0]).toBe('optimisation.max_steps');
  });

  it('shows in Advanced all that play a part', () => {
    expect(shown(sft, true).filter((path) => path.startsWith('preference.'))).toEqual([]);
    expect(shown(dpo, true)).toContain('preference.label_smoothing');
    expect(shown(dpo, true)).not.toContain('preference.gamma');
    expect(shown(write(sft, 'method.kind', 'full'), true)).not.toContain('method.rank');
  });
});

describe('a typed value', () => {
  const number: Field = { kind: 'number', low: 0, high: 1 };
  const rows: Field = { kind: 'number', low: 1, high: 100, whole: true };
  const percent: Field = { kind: 'number', low: 0, high: 0.9, percent: true };
  const optional: Field = { ...rows, empty: 'all' };
  const names: Field = { kind: 'lines', empty: { value: 'all', label: 'all' } };
  const choice: Field = { kind: 'choice', options: [{ value: 'a', label: 'A' }] };
  it.each<[Field, string, KnobValue | undefined]>([
    [number, '5e-4', 0.0005],
    [number, '0,5', 0.5],
    [number, '7', 1],
    [number, 'much', undefined],
    [number, '', undefined],
    [rows, '12.4', 12],
    [rows, '0', 1],
    [percent, '7', 0.07],
    [percent, '99', 0.9],
    [optional, ' ', null],
    [names, ' q_proj\n\nv_proj ', ['q_proj', 'v_proj']],
    [names, '\n', 'all'],
    [{ kind: 'text', empty: 'none' }, ' /a b ', '/a b'],
    [{ kind: 'text', empty: 'none' }, '', null],
    [choice, 'a', 'a'],
    [choice, 'b', undefined],
  ])('%o %j', (field, typed, value) => expect(knobValue(field, typed)).toEqual(value));

  it.each<[Field, KnobValue, string]>([
    [percent, 0.07, '7'],
    [number, 1e-8, '1e-8'],
    [number, 0.0005, '0.0005'],
    [optional, null, ''],
    [names, 'all', ''],
    [names, ['q_proj', 'v_proj'], 'q_proj\nv_proj'],
  ])('%o of %j is shown as %j', (field, value, text) => expect(knobText(field, value)).toBe(text));
});

describe('changes', () => {
  it('are laid over a recipe and found again', () => {
    const changes: Changes = { 'optimisation.epochs': 9, 'method.targets': ['q_proj'], 'data.max_rows': 50 };
    const changed = apply(sft, changes);
    expect(changed.optimisation.epochs).toBe(9);
    expect(sft.optimisation.epochs).toBe(3);
    expect(differences(sft, changed)).toEqual(changes);
  });

  it('never hold what the cards choose', () => {
    expect(differences(sft, { ...sft, model: 'other', stage: 'preference', data: { ...sft.data, files: [] } })).toEqual(
      {},
    );
  });

  it.each<[RecipePath, KnobValue, RecipePath, KnobValue]>([
    ['optimisation.max_steps', 100, 'optimisation.epochs', null],
    ['optimisation.epochs', 2, 'optimisation.max_steps', null],
    ['optimisation.warmup_steps', 5, 'optimisation.warmup_ratio', null],
    ['data.held_out_file', 'held.jsonl', 'data.held_out', 0],
    ['preference.loss', 'simpo', 'preference.beta', null],
  ])('%s rules out %s', (path, value, other, becomes) => {
    const changes = withChange({}, path, value);
    expect(changes).toEqual({ [path]: value, [other]: becomes });
    if (path !== 'preference.loss') expect(withoutChange(changes, path)).toEqual({});
  });

  it('keep a beta of the person’s own when the loss changes', () => {
    expect(withChange({ 'preference.beta': 0.3 }, 'preference.loss', 'ipo')['preference.beta']).toBe(0.3);
  });

  it.each([
    [8, 4, 2],
    [6, 3, 2],
    [7, 1, 7],
    [2, 2, 1],
    [16, 4, 4],
  ])('make a batch of %i of %i rows together, %i times', (rows, together, times) => {
    const { optimisation } = apply(sft, withBatch(sft, {}, rows));
    expect([optimisation.micro_batch, optimisation.accumulation]).toEqual([together, times]);
    expect(batch({ ...sft, optimisation })).toBe(rows);
  });
});

describe('what is sent', () => {
  it.each([
    ['sigmoid', ['beta', 'label_smoothing', 'max_prompt_tokens']],
    ['hinge', ['beta', 'max_prompt_tokens']],
    ['orpo', ['lambda', 'max_prompt_tokens']],
    ['simpo', ['beta', 'gamma', 'max_prompt_tokens']],
    ['kto', ['beta', 'desirable_weight', 'max_prompt_tokens', 'undesirable_weight']],
    ['kto-pair', ['beta', 'max_prompt_tokens']],
  ] as const)('holds only what the loss %s knows', (loss, known) => {
    const { preference } = sendable(write(full, 'preference.loss', loss));
    const { loss: sent, truncation, reference_free, ...rest } = preference;
    expect([sent, truncation, reference_free]).toEqual([loss, 'trl-0.7.1', false]);
    expect(Object.keys(rest).sort()).toEqual(known);
  });

  it('does without a reference only where the loss has one', () => {
    const without = write(full, 'preference.reference_free', true);
    expect(sendable(without).preference.reference_free).toBe(true);
    expect(sendable(write(without, 'preference.loss', 'simpo')).preference.reference_free).toBe(false);
  });

  it('holds no preferences in SFT, and no packing in preferences', () => {
    expect(sendable({ ...full, stage: 'sft' }).preference).toEqual({
      loss: 'sigmoid',
      reference_free: false,
      truncation: 'trl-0.7.1',
    });
    expect(sendable(sft).sft.packing).toBe('isolated');
    expect(sendable(write(full, 'sft.packing', 'flat')).sft.packing).toBe('none');
  });

  it('holds no adapter where all weights learn, and a whole one where an adapter does', () => {
    const all = sendable(write(full, 'method.kind', 'full'));
    expect(all.method).toEqual({ kind: 'full' });
    expect('start_adapter' in all).toBe(false);
    const again = apply(all, { 'method.kind': 'lora', 'method.rank': 4, 'method.alpha': null });
    expect(sendable(again).method).toEqual({
      kind: 'lora',
      rank: 4,
      alpha: 32,
      dropout: 0,
      targets: 'all',
      rslora: false,
    });
  });

  it('keeps a cut prompt’s length only where prompts are cut', () => {
    const start = write(full, 'preference.truncation', 'keep-start');
    expect(applies(start, 'preference.max_prompt_tokens')).toBe(false);
    expect('max_prompt_tokens' in sendable(start).preference).toBe(false);
  });
});
