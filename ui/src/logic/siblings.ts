import type { Message } from '../backend';

/** "2 of 3" and the neighbours of a message among its siblings. */
export interface Place {
  number: number;
  of: number;
  previous: number | null;
  next: number | null;
}

/** Where a message stands among its siblings; nothing when it is alone. */
export function place(message: Pick<Message, 'id' | 'siblings'>): Place | null {
  const at = message.siblings.indexOf(message.id);
  if (at < 0 || message.siblings.length < 2) return null;
  return {
    number: at + 1,
    of: message.siblings.length,
    previous: message.siblings[at - 1] ?? null,
    next: message.siblings[at + 1] ?? null,
  };
}
