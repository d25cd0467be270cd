import type { ChatSummary } from '../backend';
import { age } from './format';

export interface Group {
  heading: string;
  chats: ChatSummary[];
}

/** The sidebar's chats under their headings, in the order they came: pinned first, then last used first. */
export function grouped(chats: ChatSummary[], now: Date): Group[] {
  const groups: Group[] = [];
  for (const chat of chats) {
    const heading = chat.pinned ? 'Pinned' : age(chat.updated_at, now);
    const last = groups.at(-1);
    if (last?.heading === heading) last.chats.push(chat);
    else groups.push({ heading, chats: [chat] });
  }
  return groups;
}
