// A running text: what was typed and what the model added, joined.
import type { Message } from '../backend';

/** What the Continue button of a text does with what is there. */
export type NextStep = { does: 'nothing' } | { does: 'send' } | { does: 'continue'; message: number };

export function nextStep(messages: Pick<Message, 'id' | 'role'>[], typed: string): NextStep {
  if (typed !== '') return { does: 'send' };
  const last = messages.at(-1);
  // A text that ends with what was typed is continued by sending nothing more.
  if (last?.role === 'assistant') return { does: 'continue', message: last.id };
  return last ? { does: 'send' } : { does: 'nothing' };
}
