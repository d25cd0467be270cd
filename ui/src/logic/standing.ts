import type { MessageStanding } from '../backend';

/** Why an answer ended before it was whole; each of these can be continued. */
export const endings: Partial<Record<MessageStanding['state'], string>> = {
  stopped: 'You stopped this answer.',
  cut_at_length: 'Cut at the longest length that is set.',
  interrupted: 'The program ended while this was being written.',
};
