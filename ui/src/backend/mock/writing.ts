import { answerTo, continuation, pieces } from './answers';
import { tokens, type Chat, type Core } from './core';
import { sampling } from './models';

const wait = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

function whatFollows(core: Core, chat: Chat): string {
  if (chat.summary.kind === 'text') return continuation;
  const question = core.path(chat).findLast(({ role }) => role === 'user');
  return answerTo(question?.content ?? '');
}

/** Writes an answer into the tip of a chat: reads the prompt, then a piece at a time. */
export async function write(core: Core, chat: Chat, more = false): Promise<void> {
  const id = chat.tip;
  const message = id === null ? undefined : chat.nodes.get(id);
  if (!message) return;
  const chat_id = chat.summary.id;
  const { max_new_tokens: limit, seed } = chat.settings.sampling ?? core.state.loaded?.sampling ?? sampling;
  const all = whatFollows(core, chat);
  const rest = more && all.startsWith(message.content) ? all.slice(message.content.length) : all;
  message.standing = { state: 'writing' };
  core.stopping.delete(chat_id);

  const total = core.path(chat).reduce((sum, { content }) => sum + tokens(content), 24);
  const began = performance.now();
  for (let done = 0; done < total; done += Math.max(8, Math.round(total / 5))) {
    if (core.stopping.has(chat_id)) break;
    chat.progress = { phase: 'reading', done_tokens: done, total_tokens: total, seconds_left: (total - done) / 300 };
    core.emit({ type: 'answer_progress', chat_id, message_id: message.id, progress: chat.progress, text: '' });
    await wait(core.pace * 4);
  }
  const first = performance.now();
  let written = 0;
  let cut = false;
  for (const text of pieces(rest)) {
    if (core.stopping.has(chat_id)) break;
    if (written >= limit) {
      cut = true;
      break;
    }
    written += 1;
    message.content += text;
    const rate = (written * 1000) / Math.max(1, performance.now() - first);
    chat.progress = { phase: 'writing', new_tokens: written, tokens_per_s: rate, first_token_ms: first - began };
    core.emit({ type: 'answer_progress', chat_id, message_id: message.id, progress: chat.progress, text });
    await wait(core.pace);
  }
  const stopped = core.stopping.delete(chat_id);
  message.standing = { state: stopped ? 'stopped' : cut ? 'cut_at_length' : 'complete' };
  message.stats = core.stats({
    prompt_tokens: total,
    cached_tokens: Math.round(total * 0.6),
    new_tokens: written,
    first_token_ms: first - began,
    tokens_per_s: (written * 1000) / Math.max(1, performance.now() - first),
    seed: seed ?? 1_204_531,
  });
  chat.progress = null;
  chat.summary.updated_at = core.now();
  core.emit({ type: 'answer_ended', chat_id, message });
  core.emit({ type: 'chats_changed' });
}
