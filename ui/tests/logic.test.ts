import { describe, expect, it } from 'vitest';

import { grouped } from '../src/logic/chatlist';
import { fullness, unseenSentence } from '../src/logic/context';
import { Drafts } from '../src/logic/drafts';
import { droppedModel } from '../src/logic/dropped';
import { age, bytes, count, difference, duration, left, parameters, percent, plural, speed } from '../src/logic/format';
import { parseStopLines, shown, stopLines } from '../src/logic/knobs';
import { filter, fit, ranked } from '../src/logic/palette';
import { bounded, defaultSampling, presetOf, presets } from '../src/logic/presets';
import { remedyFor } from '../src/logic/remedies';
import { parseRoute, routeHash } from '../src/logic/route';
import { place } from '../src/logic/siblings';
import { nextStep } from '../src/logic/text';
import { drawn } from '../src/logic/window';

describe('format', () => {
  it.each([
    [count(12345), '12\u202f345'],
    [count(999), '999'],
    [count(1000000), '1\u202f000\u202f000'],
    [bytes(999), '999 B'],
    [bytes(3_940_000), '3.9 MB'],
    [bytes(999_600), '1.0 MB'],
    [bytes(43_000_000_000), '43 GB'],
    [parameters(259_968), '260 K'],
    [parameters(1_100_048_384), '1.1 B'],
    [duration(182), '182 ms'],
    [duration(999.6), '1.0 s'],
    [duration(59_960), '1 min'],
    [duration(125_000), '2 min 5 s'],
    [duration(3_840_000), '1 h 4 min'],
    [left(null), ''],
    [left(0.4), 'less than 1 s left'],
    [left(8.4), 'about 9 s left'],
    [left(90), 'about 1 min 30 s left'],
    [speed(4.25), '4.3 tokens/s'],
    [speed(41.7), '42 tokens/s'],
    [percent(1, 3), 33],
    [percent(5, 0), 0],
    [percent(9, 3), 100],
    [difference(0), '0'],
    [difference(3.1e-6), '3.1e-6'],
    [difference(0.0123), '0.012'],
    [plural(1, 'message'), '1 message'],
    [plural(6, 'message'), '6 messages'],
  ])('%s', (found, expected) => expect(found).toBe(expected));

  it.each([
    ['2026-03-10T00:10:00', 'Today'],
    ['2026-03-09T23:50:00', 'Yesterday'],
    ['2026-03-03T12:00:00', 'Last 7 days'],
    ['2026-03-02T12:00:00', 'Older'],
    ['2026-03-11T12:00:00', 'Today'],
  ])('%s is %s', (at, expected) => expect(age(at, new Date('2026-03-10T09:00:00'))).toBe(expected));
});

describe('the sidebar', () => {
  it('puts chats under headings in the order they came', () => {
    const chat = (id: number, updated_at: string, pinned = false) => ({
      id,
      title: '',
      kind: 'chat' as const,
      pinned,
      updated_at,
      excerpt: '',
    });
    const chats = [
      chat(1, '2026-01-01T00:00:00', true),
      chat(2, '2026-03-10T01:00:00'),
      chat(3, '2026-03-10T00:00:00'),
      chat(4, '2026-03-09T01:00:00'),
    ];
    const groups = grouped(chats, new Date('2026-03-10T09:00:00'));
    expect(groups.map(({ heading, chats }) => [heading, chats.map(({ id }) => id)])).toEqual([
      ['Pinned', [1]],
      ['Today', [2, 3]],
      ['Yesterday', [4]],
    ]);
  });
});

describe('the palette', () => {
  const entries = [
    { id: 'new', label: 'New chat' },
    { id: 'folder', label: 'Open model folder…', words: 'load hugging face' },
    { id: 'models', label: 'Models' },
    { id: 'theme', label: 'Toggle theme: dark', words: 'appearance night' },
  ];
  it.each([
    ['', ['new', 'folder', 'models', 'theme']],
    ['model', ['models', 'folder']],
    ['open fold', ['folder']],
    ['night', ['theme']],
    ['hat', ['new']],
    ['xyz', []],
    ['model xyz', []],
    ['(', []],
  ])('%j finds %j', (query, ids) => expect(filter(entries, query).map(({ id }) => id)).toEqual(ids));

  it.each([
    ['', ['commands', 'pages']],
    ['settings', ['pages', 'commands']],
    ['show adv', ['commands', 'pages']],
  ])('%j puts the group that fits best first: %j', (query, order) => {
    const groups = [
      { heading: 'commands', entries: [{ id: 'advanced', label: 'Show advanced settings' }] },
      { heading: 'pages', entries: [{ id: 'settings', label: 'Settings' }] },
      { heading: 'empty', entries: [] },
    ];
    expect(ranked(groups, query).map(({ heading }) => heading)).toEqual(order);
  });

  it('prefers the beginning of the label to its middle, and that to other words', () => {
    const label = fit('mod', { label: 'Models' });
    const middle = fit('mod', { label: 'Open model' });
    const other = fit('mod', { label: 'Open', words: 'model' });
    expect(label).toBeGreaterThan(middle);
    expect(middle).toBeGreaterThan(other);
    expect(other).toBeGreaterThan(0);
  });
});

describe('drafts', () => {
  it('are kept per chat and forgotten when empty', () => {
    const drafts = new Drafts(localStorage);
    drafts.set(null, 'for a new one');
    drafts.set(7, 'for seven');
    const later = new Drafts(localStorage);
    expect(later.get(null)).toBe('for a new one');
    expect(later.get(7)).toBe('for seven');
    expect(later.get(8)).toBe('');
    later.set(7, '');
    expect(new Drafts(localStorage).get(7)).toBe('');
  });

  it('outlive a storage that refuses', () => {
    const refuse = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const drafts = new Drafts({ getItem: refuse, setItem: refuse, removeItem: refuse });
    expect(drafts.get(7)).toBe('');
    drafts.set(7, 'text');
    expect(drafts.get(7)).toBe('text');
  });
});

describe('siblings', () => {
  it.each([
    [{ id: 5, siblings: [5] }, null],
    [{ id: 5, siblings: [] }, null],
    [
      { id: 3, siblings: [3, 5, 9] },
      { number: 1, of: 3, previous: null, next: 5 },
    ],
    [
      { id: 5, siblings: [3, 5, 9] },
      { number: 2, of: 3, previous: 3, next: 9 },
    ],
    [
      { id: 9, siblings: [3, 5, 9] },
      { number: 3, of: 3, previous: 5, next: null },
    ],
  ])('%j', (message, expected) => expect(place(message)).toEqual(expected));
});

describe('the context', () => {
  it.each([
    [{ used_tokens: 819, limit_tokens: 1024, unseen_messages: 0, unseen_tokens: 0 }, 'nearly'],
    [{ used_tokens: 800, limit_tokens: 1024, unseen_messages: 0, unseen_tokens: 0 }, 'roomy'],
    [{ used_tokens: 200, limit_tokens: 1024, unseen_messages: 2, unseen_tokens: 0 }, 'full'],
    [{ used_tokens: 200, limit_tokens: 1024, unseen_messages: 0, unseen_tokens: 9 }, 'full'],
    [{ used_tokens: 0, limit_tokens: 0, unseen_messages: 0, unseen_tokens: 0 }, 'roomy'],
  ])('%j is %s', (context, level) => expect(fullness(context).level).toBe(level));

  it.each([
    [1, 0, 'The oldest message is no longer seen.'],
    [6, 0, 'The oldest 6 messages are no longer seen.'],
    [0, 1, 'The oldest token is no longer seen.'],
    [0, 130, 'The oldest 130 tokens are no longer seen.'],
  ])('says that %j messages and %j tokens are no longer seen', (unseen_messages, unseen_tokens, sentence) =>
    expect(unseenSentence({ used_tokens: 900, limit_tokens: 1024, unseen_messages, unseen_tokens })).toBe(sentence),
  );
});

describe('a text', () => {
  const typed = { id: 1, role: 'user' as const };
  const written = { id: 2, role: 'assistant' as const };
  it.each([
    [[], '', { does: 'nothing' }],
    [[], ' ', { does: 'send' }],
    [[typed, written], '', { does: 'continue', message: 2 }],
    [[typed, written], ' more', { does: 'send' }],
    [[typed], '', { does: 'send' }],
  ])('%j and %j', (messages, draft, expected) => expect(nextStep(messages, draft)).toEqual(expected));
});

describe('drops', () => {
  it.each([
    [['/m/llama.Q4_K_M.gguf'], '/m/llama.Q4_K_M.gguf'],
    [['/m/TinyLlama-1.1B-Chat'], '/m/TinyLlama-1.1B-Chat'],
    [['C:\\models\\Llama-3.2'], 'C:\\models\\Llama-3.2'],
    [['/m/photo.png'], null],
    [['/m/model.safetensors'], null],
    [['/a.gguf', '/b.gguf'], null],
    [[], null],
  ])('%j', (paths, expected) => expect(droppedModel(paths).path).toBe(expected));
});

describe('routes', () => {
  it.each([
    ['', 'chat', null],
    ['#/chat/12', 'chat', 12],
    ['#/chat/x', 'chat', null],
    ['#/models', 'models', null],
    ['#/models/3', 'models', null],
    ['#/nowhere', 'chat', null],
  ] as const)('%j', (hash, page, chat) => expect(parseRoute(hash)).toEqual({ page, chat }));

  it('come back as they were written', () => {
    for (const route of [
      { page: 'chat', chat: 3 },
      { page: 'chat', chat: null },
      { page: 'settings', chat: null },
    ] as const)
      expect(parseRoute(routeHash(route))).toEqual(route);
  });
});

describe('sampling', () => {
  it('knows its presets, whatever f32 made of them', () => {
    for (const { name, change } of presets) {
      const stored = Object.fromEntries(Object.entries(change).map(([knob, value]) => [knob, Math.fround(value)]));
      expect(presetOf({ ...defaultSampling, ...stored })).toBe(name);
    }
    expect(presetOf({ ...defaultSampling, temperature: 0.75 })).toBeNull();
  });

  it.each([
    ['0.5', 0.5],
    ['0,5', 0.5],
    ['9', 2],
    ['-1', 0],
    ['', null],
    ['warm', null],
  ])('%j between 0 and 2 is %j', (text, expected) => expect(bounded(text, 0, 2, false)).toBe(expected));

  it('shows no f32 noise', () => {
    expect(shown(Math.fround(0.7))).toBe('0.7');
    expect(shown(40)).toBe('40');
  });

  it('writes stop strings as lines and reads them back', () => {
    const stop = ['\n\n', 'User:', 'back\\slash', 'a\\nb'];
    expect(parseStopLines(stopLines(stop))).toEqual(stop);
    expect(parseStopLines('\n\nEnd\n')).toEqual(['End']);
  });
});

describe('remedies', () => {
  it.each([
    ['model_not_found', false, 'locate'],
    ['no_chat_template', false, 'template'],
    ['generation_failed', true, 'retry'],
    ['generation_failed', false, undefined],
    ['internal', true, 'retry'],
    ['internal', false, undefined],
    ['model_too_large', true, 'models'],
  ] as const)('%s, retry possible: %s', (code, retry, action) =>
    expect(remedyFor(code, { retry })?.action).toBe(action),
  );
});

describe('the drawn rows of a long list', () => {
  const rows = (n: number) => Array.from({ length: n }, () => 100);
  it('are all rows of a short one', () => {
    expect(drawn(rows(30), 0, 10)).toEqual({ first: 0, end: 30, before: 0, after: 0 });
  });
  it('are those that touch the window', () => {
    expect(drawn(rows(2000), 1000, 2000)).toEqual({ first: 9, end: 20, before: 900, after: 198_000 });
  });
  it('are never none, and the room always adds up', () => {
    for (const [top, bottom] of [
      [-900, 800],
      [0, 0],
      [199_500, 201_000],
      [500_000, 501_000],
    ] as const) {
      const { first, end, before, after } = drawn(rows(2000), top, bottom);
      expect(end).toBeGreaterThan(first);
      expect(before + (end - first) * 100 + after).toBe(200_000);
    }
  });
});
