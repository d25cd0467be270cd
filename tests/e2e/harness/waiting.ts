import { setTimeout as pause } from 'node:timers/promises';

export { pause };

/** Long enough for a busy machine; a test that passes does not wait for it. */
export const patience = 30_000;

/**
 * Asks until the answer is something other than false, null, undefined or an error, and gives it back. What is asked must
 * hold sooner or later; nothing here depends on how soon.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  milliseconds = patience,
): Promise<Exclude<NonNullable<T>, false>> {
  const end = Date.now() + milliseconds;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== null && answer !== undefined) return answer as Exclude<NonNullable<T>, false>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      const why = last instanceof Error ? last.message : String(last);
      throw new Error(`waited ${milliseconds / 1000} s for: ${what} (last: ${why})`);
    }
    await pause(40);
  }
}
