// The stand-in for the core, used by `npm run dev` in a plain browser and by the tests. It is never loaded in the window.
import type { Backend } from '../index';
import { commands } from './commands';
import { Core } from './core';
import { scene } from './scenes';

export function backendOf(core: Core): Backend {
  return {
    call: commands(core),
    subscribe: (_after, listener) => {
      core.listen(listener);
      return Promise.resolve();
    },
    onDrop: () => Promise.resolve(),
  };
}

/** A stand-in in the state that `?state=` names. */
export function demo(state = new URLSearchParams(location.search).get('state') ?? ''): Backend {
  const core = new Core();
  scene(core, state);
  return backendOf(core);
}

export { Core };
