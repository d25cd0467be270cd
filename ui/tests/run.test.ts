// Decisions about runs, as pure functions.
import { describe, expect, it } from 'vitest';

import type { BeforeAfter, PlanAndOutcome, RunStanding, RunSummary } from '../src/backend';
import { recipe } from '../src/backend/mock/runtexts';
import { parseRoute, routeHash, type TunePlace } from '../src/logic/route';
import {
  actionLabel,
  actionsOf,
  compareBlocked,
  endingWords,
  hasEnded,
  interruptedWords,
  isGoing,
  progressParts,
  sentence,
  shareDone,
  standingSentence,
  tabsOf,
} from '../src/logic/run';
import { breaksLine, byPrompt, shareTrained, stretches, visible } from '../src/logic/runbatch';
import { bandWords, differenceWords, figure, isRight, planRows, scoreWords, shownRows } from '../src/logic/runfigures';
import { recipeGroups } from '../src/logic/runrecipe';

const error = { code: 'storage', message: 'The disk is full.', remedy: 'Make room.' } as const;

describe('a standing', () => {
  const cases: [RunStanding, RegExp, string[], 'going' | 'ended' | 'waiting'][] = [
    [{ state: 'queued', position: 1, on_hold: false }, /it is next/, ['Leave the queue'], 'waiting'],
    [{ state: 'queued', position: 3, on_hold: false }, /number 3, 2 runs before it/, ['Leave the queue'], 'waiting'],
    [{ state: 'queued', position: 1, on_hold: true }, /Let it go on/, ['Go on', 'Leave the queue'], 'waiting'],
    [{ state: 'preparing', doing: 'loading', done: 0, total: 0 }, /^Loading the model\.$/, ['Stop'], 'going'],
    [{ state: 'preparing', doing: 'reading', done: 1, total: 4 }, /tokens, 25 %\.$/, ['Stop'], 'going'],
    [{ state: 'preparing', doing: 'reference', done: 3, total: 4 }, /before it learns, 75 %/, ['Stop'], 'going'],
    [{ state: 'warming_up' }, /first steps/, ['Pause', 'Stop and save'], 'going'],
    [{ state: 'running' }, /learns/, ['Pause', 'Stop and save'], 'going'],
    [{ state: 'evaluating' }, /held-out rows/, ['Pause', 'Stop and save'], 'going'],
    [{ state: 'pausing' }, /as soon as/, ['Stop and save'], 'going'],
    [{ state: 'paused' }, /nothing is lost/, ['Go on', 'Stop and save'], 'going'],
    [{ state: 'saving' }, /Saving/, [], 'going'],
    [{ state: 'comparing', done: 3, total: 20 }, /3 of 20 answers/, [], 'going'],
    [{ state: 'finished', early: null, kept_step: 120 }, /step 120 was kept/, ['Discard'], 'ended'],
    [
      { state: 'finished', early: 'no better', kept_step: 60 },
      /early: no better\. The best .* 60/,
      ['Discard'],
      'ended',
    ],
    [{ state: 'stopped', step: 7 }, /after step 7/, ['Resume', 'Discard'], 'ended'],
    [{ state: 'stopped', step: 0 }, /before the first step/, ['Resume', 'Discard'], 'ended'],
    [{ state: 'interrupted', step: 40 }, /go on from step 40/, ['Resume', 'Discard'], 'ended'],
    [{ state: 'interrupted', step: 0 }, /begin again/, ['Resume', 'Discard'], 'ended'],
    [{ state: 'failed', error, can_resume: true }, /gone on from/, ['Resume', 'Discard'], 'ended'],
    [{ state: 'failed', error, can_resume: false }, /^It could not go on\.$/, ['Start again', 'Discard'], 'ended'],
  ];

  it.each(cases)('%j is told and can be acted on', (standing, words, buttons, phase) => {
    expect(standingSentence(standing)).toMatch(words);
    expect(actionsOf({ standing, discarded: null }).map((action) => actionLabel(action, standing))).toEqual(buttons);
    expect(actionsOf({ standing, discarded: '2026-01-01T00:00:00Z' })).toEqual(['restore']);
    expect(isGoing(standing)).toBe(phase === 'going');
    expect(hasEnded(standing)).toBe(phase === 'ended');
  });

  it('shows the result first, once there is one', () => {
    expect(tabsOf({ state: 'running' })[0]?.id).toBe('curves');
    expect(tabsOf({ state: 'finished', early: null, kept_step: 1 })[0]?.id).toBe('result');
  });
});

describe('progress', () => {
  const progress = { step: 30, total_steps: 120, epoch: 0.75, tokens_per_second: 1240.4, seconds_left: 95 };

  it.each([
    [{ state: 'running' }, ['Step 30 of 120', 'epoch 0.75', '1\u202f240 tokens/s', 'about 1 min 35 s left'], 25],
    [{ state: 'paused' }, ['Step 30 of 120', 'epoch 0.75'], 25],
    [{ state: 'finished', early: null, kept_step: 30 }, ['Step 30 of 120', 'epoch 0.75'], 100],
    [{ state: 'comparing', done: 5, total: 20 }, ['Step 30 of 120', 'epoch 0.75'], 25],
  ] as [RunStanding, string[], number][])('of %j', (standing, parts, share) => {
    expect(progressParts({ standing, progress })).toEqual(parts);
    expect(shareDone({ standing, progress })).toBe(share);
  });

  it('before the first step is what is known', () => {
    const loading: RunStanding = { state: 'preparing', doing: 'loading', done: 0, total: 0 };
    expect(progressParts({ standing: loading, progress: null })).toEqual([]);
    expect(shareDone({ standing: loading, progress: null })).toBeNull();
    expect(shareDone({ standing: { ...loading, done: 1, total: 2 }, progress: null })).toBe(50);
    expect(shareDone({ standing: { state: 'queued', position: 1, on_hold: false }, progress: null })).toBe(0);
  });
});

describe('what is said of a run', () => {
  const run = (
    standing: RunStanding,
    step: number | null = null,
  ): Pick<RunSummary, 'name' | 'standing' | 'progress'> => ({
    name: 'Sea',
    standing,
    progress: step === null ? null : { step, total_steps: 120, epoch: 0, tokens_per_second: 0, seconds_left: null },
  });

  it.each([
    [run({ state: 'interrupted', step: 40 }, 52), 'in the middle of “Sea” at step 52. It can go on from step 40.'],
    [run({ state: 'interrupted', step: 40 }), 'in the middle of “Sea” at step 40. It can go on from step 40.'],
    [run({ state: 'interrupted', step: 0 }), 'in the middle of “Sea”. It can begin again.'],
  ])('%j', (given, words) => expect(interruptedWords(given)).toContain(words));

  it('is nothing where nothing happened', () => {
    expect(interruptedWords(run({ state: 'running' }))).toBeNull();
    expect(endingWords(run({ state: 'stopped', step: 3 }))).toBeNull();
    expect(endingWords(run({ state: 'finished', early: null, kept_step: 1 }))).toBe('“Sea” is finished.');
    expect(endingWords(run({ state: 'failed', error, can_resume: true }))).toContain('The disk is full.');
  });

  it.each([
    ['no better', 'no better.'],
    ['Done.', 'Done.'],
    [' Really? ', 'Really?'],
  ])('%j ends in one mark', (text, ended) => expect(sentence(text)).toBe(ended));

  it.each([
    [0, /two to six/],
    [1, /two to six/],
    [2, null],
    [6, null],
    [7, /7 are selected/],
  ] as const)('%i selected', (selected, why) => {
    if (why === null) expect(compareBlocked(selected)).toBeNull();
    else expect(compareBlocked(selected)).toMatch(why);
  });
});

describe('figures', () => {
  it.each([
    [0, '0'],
    [2.345678, '2.346'],
    [0.5, '0.5'],
    [0.0002, '2.0e-4'],
    [-0.31, '-0.31'],
    [1240.4, '1\u202f240'],
    [Number.NaN, '–'],
  ])('%d', (value, words) => expect(figure(value)).toBe(words));

  it.each([
    [100, 88, '12 % less'],
    [100, 103, '3 % more'],
    [100, 100.2, 'as planned'],
    [0, 10, ''],
  ])('planned %d, came %d', (planned, came, words) => expect(differenceWords(planned, came)).toBe(words));

  it.each([
    [{ low: 40, high: 80 }, '40 to 80 s'],
    [{ low: 118, high: 176 }, '2.0 to 2.9 min'],
    [{ low: 5400, high: 7200 }, '1.5 to 2.0 h'],
  ])('%j', (band, words) => expect(bandWords(band)).toBe(words));

  const plan: PlanAndOutcome = {
    planned_seconds: { low: 40, expected: 60, high: 80 },
    planned_memory_bytes: 100_000_000,
    planned_disk_bytes: null,
    seconds: 90,
    memory_bytes: 95_000_000,
    disk_bytes: 5_000_000,
  };

  it('stand beside the plan once the run is finished', () => {
    expect(planRows(plan, true)).toEqual([
      {
        id: 'time',
        name: 'Time',
        planned: '1 min (40 to 80 s) planned',
        came: '1 min 30 s taken',
        difference: '50 % more',
        over: true,
      },
      {
        id: 'memory',
        name: 'Memory',
        planned: '100 MB planned',
        came: '95 MB taken',
        difference: '5 % less',
        over: false,
      },
      { id: 'disk', name: 'Disk', planned: 'no plan', came: '5.0 MB taken', difference: '', over: false },
    ]);
  });

  it('are said to be so far before that', () => {
    const rows = planRows({ ...plan, seconds: null }, false);
    expect(rows.map(({ came }) => came)).toEqual(['taken: told at the end', '95 MB so far', '5.0 MB so far']);
    expect(rows.map(({ difference }) => difference)).toEqual(['', '', '']);
  });

  it('of a comparison are left out where they are the same', () => {
    const rows = [
      { name: 'Model', values: ['a', 'a'], same: true },
      { name: 'Rate', values: ['1', '2'], same: false },
    ];
    expect(shownRows(rows, true).map(({ name }) => name)).toEqual(['Rate']);
    expect(shownRows(rows, false)).toHaveLength(2);
  });

  it('of before and after', () => {
    const both: BeforeAfter = {
      before_name: 'a',
      after_name: 'b',
      rows: [],
      compared: 50,
      right_before: 3,
      right_after: 47,
      source: 'rows',
    };
    expect(scoreWords(both)).toBe('before 3 of 50, after 47 of 50');
    expect(scoreWords({ ...both, compared: 0 })).toBeNull();
    const row = { prompt: 'q', expected: 'yes', before: 'no', after: ' yes\n' };
    expect([isRight(row, row.before), isRight(row, row.after)]).toEqual([false, true]);
    expect(isRight({ ...row, expected: null }, 'yes')).toBeNull();
  });
});

describe('the first batch', () => {
  it.each([
    [' the', '·the', false],
    ['a\tb', 'a→b', false],
    ['\n', '↵', true],
    ['x\r\n', 'x␍↵', true],
  ])('%j', (text, shown, breaks) => {
    expect(visible(text)).toBe(shown);
    expect(breaksLine(text)).toBe(breaks);
  });

  const row = {
    tokens: [
      { text: 'a', trained: false },
      { text: ' b', trained: false },
      { text: ' c', trained: true },
      { text: 'd', trained: false },
    ],
    more: 3,
  };

  it('is told in stretches, with the share that is trained', () => {
    expect(stretches(row).map(({ trained, tokens }) => [trained, tokens.map(({ text }) => text).join('')])).toEqual([
      [false, 'a·b'],
      [true, '·c'],
      [false, 'd'],
    ]);
    expect(shareTrained([row, row])).toEqual({ trained: 2, shown: 8 });
  });
});

describe('samples', () => {
  it('stand under their prompt, the newest first', () => {
    const found = byPrompt([
      { step: 0, prompt: 'A', answer: 'a0' },
      { step: 0, prompt: 'B', answer: 'b0' },
      { step: 20, prompt: 'A', answer: 'a20' },
    ]);
    expect(found).toEqual([
      {
        prompt: 'A',
        answers: [
          { step: 20, answer: 'a20' },
          { step: 0, answer: 'a0' },
        ],
      },
      { prompt: 'B', answers: [{ step: 0, answer: 'b0' }] },
    ]);
  });
});

describe('a recipe', () => {
  const facts = (change: Parameters<typeof recipe>[0]) =>
    Object.fromEntries(recipeGroups(recipe(change), 'NeuralChat starter').flatMap((group) => group.facts));

  it('is told in words', () => {
    const told = facts({});
    expect(told['What learns']).toBe('a LoRA adapter');
    expect(told['Trained']).toBe('the answers only');
    expect(told['Held out']).toBe('10 % of the rows');
    expect(told['Rows a step']).toBe('8 (2 at a time)');
    expect(told['Held-out loss']).toBe('every 20 steps');
  });

  it('of preferences tells its loss, of a whole model no rank', () => {
    const told = facts({ stage: 'preference', method: { kind: 'full' } });
    expect(told['Loss']).toBe('DPO');
    expect(told['Beta']).toBe('0.1');
    expect(told['What learns']).toBe('the whole model');
    expect(told['Rank']).toBeUndefined();
  });
});

describe('places of Fine-tune', () => {
  it.each([
    ['#/fine-tune', { view: 'list' }],
    ['#/fine-tune/new', { view: 'new', samples: false }],
    ['#/fine-tune/new/samples', { view: 'new', samples: true }],
    ['#/fine-tune/run/2026-01%20a', { view: 'run', id: '2026-01 a' }],
    ['#/fine-tune/compare/a,b', { view: 'compare', ids: ['a', 'b'] }],
  ] as [string, TunePlace][])('%s', (hash, tune) => {
    const route = { page: 'fine-tune', chat: null, tune } as const;
    expect(parseRoute(hash)).toEqual(route);
    expect(routeHash(route)).toBe(hash);
  });

  it.each(['#/fine-tune/run', '#/fine-tune/compare/a', '#/fine-tune/what'])('%s is the list', (hash) =>
    expect(parseRoute(hash).tune).toEqual({ view: 'list' }),
  );
});
