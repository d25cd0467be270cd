import type { Request, Response } from '../index';
import { fail, type Core } from './core';

type WizardCommand =
  'data_pick' | 'data_look' | 'data_samples' | 'recipe_new' | 'recipe_open' | 'recipe_save' | 'run_plan';
type WizardHandlers = { [K in WizardCommand]: (request: Request<K>) => Response<K> };

/** A place for the wizard's stand-in. */
export function wizardCommands(core: Core): WizardHandlers {
  const none = (): never => {
    throw fail('internal', `The stand-in has no wizard (after ${core.seq} events).`, 'Use the window.');
  };
  return {
    data_pick: none,
    data_look: none,
    data_samples: none,
    recipe_new: none,
    recipe_open: none,
    recipe_save: () => ({ path: '/home/ada/recipe.toml' }),
    run_plan: none,
  };
}
