import { EventLog } from '../logic/events';

/** The newest events of this window's one subscription. */
export const log = new EventLog();
