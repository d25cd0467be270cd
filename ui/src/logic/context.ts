import type { ContextUse } from '../backend';
import { percent, plural } from './format';

/** From this share on a person is told that the context is nearly full. */
export const nearlyFull = 80;

export type Fullness = { level: 'roomy' | 'nearly' | 'full'; percent: number };

export function fullness(context: ContextUse): Fullness {
  const used = percent(context.used_tokens, context.limit_tokens);
  if (context.unseen_messages > 0) return { level: 'full', percent: used };
  return { level: used >= nearlyFull ? 'nearly' : 'roomy', percent: used };
}

/** "The oldest 6 messages are no longer seen." */
export function unseenSentence(messages: number): string {
  return messages === 1
    ? 'The oldest message is no longer seen.'
    : `The oldest ${plural(messages, 'message')} are no longer seen.`;
}
