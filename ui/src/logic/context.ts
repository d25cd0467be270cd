import type { ContextUse } from '../backend';
import { percent, plural } from './format';

/** From this share on a person is told that the context is nearly full. */
export const nearlyFull = 80;

export type Fullness = { level: 'roomy' | 'nearly' | 'full'; percent: number };

export function fullness(context: ContextUse): Fullness {
  const used = percent(context.used_tokens, context.limit_tokens);
  if (context.unseen_messages + context.unseen_tokens > 0) return { level: 'full', percent: used };
  return { level: used >= nearlyFull ? 'nearly' : 'roomy', percent: used };
}

/** "The oldest 6 messages are no longer seen."; a text loses tokens instead. */
export function unseenSentence({ unseen_messages, unseen_tokens }: ContextUse): string {
  const many = unseen_messages || unseen_tokens;
  const one = unseen_messages ? 'message' : 'token';
  return many === 1 ? `The oldest ${one} is no longer seen.` : `The oldest ${plural(many, one)} are no longer seen.`;
}
