// The only door to the core. Inside the window it is Tauri; in a plain browser and in tests, an in-memory stand-in.
import type { ApiError, Commands, NumberedEvent } from './types';

export type * from './types';

export type CommandName = keyof Commands;
export type Request<K extends CommandName> = Commands[K]['request'];
export type Response<K extends CommandName> = Commands[K]['response'];

/** What happens while something is dragged over the window. */
export type Drop = { phase: 'over' } | { phase: 'left' } | { phase: 'dropped'; paths: string[] };

export interface Backend {
  call<K extends CommandName>(name: K, request: Request<K>): Promise<Response<K>>;
  /** Delivers events numbered after `after`; none begins with the next one. */
  subscribe(after: number | null, listener: (event: NumberedEvent) => void): Promise<void>;
  onDrop(listener: (drop: Drop) => void): Promise<void>;
}

let chosen: Promise<Backend> | null = null;

async function choose(): Promise<Backend> {
  if ('__TAURI_INTERNALS__' in window) return (await import('./tauri')).tauri;
  return (await import('./mock')).demo();
}

function backend(): Promise<Backend> {
  return (chosen ??= choose());
}

/** Tests put their own in place. */
export function useBackend(other: Backend): void {
  chosen = Promise.resolve(other);
}

/** Whatever a rejected promise holds, as an error that can be shown. */
export function asApiError(reason: unknown): ApiError {
  if (typeof reason === 'object' && reason !== null && 'code' in reason && 'remedy' in reason)
    return reason as ApiError;
  const cause = reason instanceof Error ? reason.message : String(reason);
  return {
    code: 'internal',
    message: `Something inside the program went wrong: ${cause}`,
    remedy: 'Try again. If it keeps happening, copy the details and report them as a bug.',
  };
}

export async function call<K extends CommandName>(name: K, request: Request<K>): Promise<Response<K>> {
  try {
    return await (await backend()).call(name, request);
  } catch (reason) {
    throw asApiError(reason);
  }
}

export async function subscribe(after: number | null, listener: (event: NumberedEvent) => void): Promise<void> {
  await (await backend()).subscribe(after, listener);
}

export async function onDrop(listener: (drop: Drop) => void): Promise<void> {
  await (await backend()).onDrop(listener);
}
