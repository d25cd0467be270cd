import { describe, expect, it } from 'vitest';

import type { AppEvent, ChatView, Message, NumberedEvent } from '../src/backend';
import { EventLog, fold } from '../src/logic/events';
import { defaultSampling } from '../src/logic/presets';

function message(id: number, change: Partial<Message> = {}): Message {
  return {
    id,
    parent: id > 1 ? id - 1 : null,
    role: id % 2 ? 'user' : 'assistant',
    content: '',
    standing: { state: 'complete' },
    created_at: '2026-01-09T08:30:00Z',
    model_name: null,
    stats: null,
    siblings: [id],
    ...change,
  };
}

function view(as_of: number, messages: Message[] = [message(1), message(2)]): ChatView {
  return {
    summary: { id: 7, title: 't', kind: 'chat', pinned: false, updated_at: '', excerpt: '' },
    settings: { system_prompt: '', template: 'model', sampling: defaultSampling },
    messages,
    progress: null,
    context: null,
    as_of,
  };
}

function progress(seq: number, text: string, change: Partial<AppEvent & { chat_id: number }> = {}): NumberedEvent {
  const writing = { phase: 'writing', new_tokens: seq, tokens_per_s: 40, first_token_ms: 100 } as const;
  const event = { type: 'answer_progress', chat_id: 7, message_id: 2, progress: writing, text, ...change } as AppEvent;
  return { seq, event };
}

describe('fold', () => {
  it('appends what was written and keeps every other message as it is', () => {
    const before = view(10);
    const after = fold(fold(before, progress(11, 'Hel')), progress(12, 'lo'));
    expect(after.messages[1]?.content).toBe('Hello');
    expect(after.messages[1]?.standing).toEqual({ state: 'writing' });
    expect(after.messages[0]).toBe(before.messages[0]);
    expect(after.progress).toMatchObject({ phase: 'writing', new_tokens: 12 });
    expect(after.as_of).toBe(12);
  });

  it('ignores what is already inside the view', () => {
    const before = view(10);
    expect(fold(before, progress(10, 'again'))).toBe(before);
  });

  it('ignores other chats but counts their events', () => {
    const after = fold(view(10), progress(11, 'x', { chat_id: 8 }));
    expect(after.messages[1]?.content).toBe('');
    expect(after.progress).toBeNull();
    expect(after.as_of).toBe(11);
  });

  it('takes the message as it is kept when the answer ends', () => {
    const kept = message(2, { content: 'Hello.', standing: { state: 'stopped' } });
    const writing = fold(view(10), progress(11, 'Hel'));
    const after = fold(writing, { seq: 12, event: { type: 'answer_ended', chat_id: 7, message: kept } });
    expect(after.messages[1]).toBe(kept);
    expect(after.progress).toBeNull();
  });

  it('shows progress of an answer on a path that is not shown', () => {
    const after = fold(view(10, [message(1)]), progress(11, 'x'));
    expect(after.messages).toHaveLength(1);
    expect(after.progress).not.toBeNull();
  });
});

describe('EventLog', () => {
  it('tells the next event from one seen before and from a hole', () => {
    const log = new EventLog();
    expect(log.take(progress(5, ''))).toBe('next');
    expect(log.take(progress(6, ''))).toBe('next');
    expect(log.take(progress(6, ''))).toBe('seen');
    expect(log.take(progress(9, ''))).toBe('gap');
    expect(log.take(progress(10, ''))).toBe('next');
    expect(log.take({ seq: 11, event: { type: 'resync' } })).toBe('gap');
  });

  it('brings a view that arrives late up to now', () => {
    const log = new EventLog();
    for (const [seq, text] of [
      [11, 'a'],
      [12, 'b'],
      [13, 'c'],
    ] as const)
      log.take(progress(seq, text));
    expect(log.catchUp(view(11))?.messages[1]?.content).toBe('bc');
    expect(log.catchUp(view(10))?.messages[1]?.content).toBe('abc');
    expect(log.catchUp(view(13))?.messages[1]?.content).toBe('');
  });

  it('says when a view is too old to be brought up to now', () => {
    const log = new EventLog(2);
    for (const seq of [11, 12, 13]) log.take(progress(seq, 'x'));
    expect(log.catchUp(view(10))).toBeNull();
    expect(log.catchUp(view(11))?.messages[1]?.content).toBe('xx');
  });

  it('keeps nothing from before a resync', () => {
    const log = new EventLog();
    log.take(progress(11, 'x'));
    log.take({ seq: 20, event: { type: 'resync' } });
    log.take(progress(21, 'y'));
    expect(log.catchUp(view(11))).toBeNull();
    expect(log.catchUp(view(19))).toBeNull();
    expect(log.catchUp(view(20))?.messages[1]?.content).toBe('y');
  });
});
