// How numbered events change an opened chat, and how lost ones are noticed.
import type { ChatView, Message, NumberedEvent } from '../backend';

/** The chat after an event. Events already inside the view, or about another chat, change nothing. */
export function fold(view: ChatView, { seq, event }: NumberedEvent): ChatView {
  if (seq <= view.as_of) return view;
  const next = { ...view, as_of: seq };
  if (event.type === 'answer_progress' && event.chat_id === view.summary.id) {
    next.progress = event.progress;
    next.messages = replace(view.messages, event.message_id, (message) => ({
      ...message,
      content: message.content + event.text,
      standing: { state: 'writing' },
    }));
  } else if (event.type === 'answer_ended' && event.chat_id === view.summary.id) {
    next.progress = null;
    next.messages = replace(view.messages, event.message.id, () => event.message);
  }
  return next;
}

function replace(messages: Message[], id: number, change: (message: Message) => Message): Message[] {
  // The answer under way is nearly always the last message.
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const message = messages[at];
    if (message?.id === id) return [...messages.slice(0, at), change(message), ...messages.slice(at + 1)];
  }
  return messages;
}

/** What an arriving event is: the next one, one seen before, or one after a hole. */
export type Arrival = 'next' | 'seen' | 'gap';

/** Remembers the newest events, so that a view which arrives late can catch up. */
export class EventLog {
  #events: NumberedEvent[] = [];
  #last: number | null = null;

  constructor(readonly capacity = 2000) {}

  take(numbered: NumberedEvent): Arrival {
    const { seq, event } = numbered;
    if (this.#last !== null && seq <= this.#last) return 'seen';
    const gap = event.type === 'resync' || (this.#last !== null && seq !== this.#last + 1);
    this.#last = seq;
    if (gap) this.#events = [];
    this.#events.push(numbered);
    if (this.#events.length > this.capacity) this.#events.splice(0, this.#events.length - this.capacity);
    return gap ? 'gap' : 'next';
  }

  /** The view brought up to now, or nothing when events between the two are gone and it must be asked for anew. */
  catchUp(view: ChatView): ChatView | null {
    const first = this.#events[0];
    if (!first || this.#last === null || view.as_of >= this.#last) return view;
    if (first.event.type === 'resync' ? first.seq > view.as_of : first.seq > view.as_of + 1) return null;
    return this.#events.reduce(fold, view);
  }
}
