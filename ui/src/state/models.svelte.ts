import { asApiError, call, type ApiError, type ModelEntry, type ModelState, type PickKind } from '../backend';

/** Models seen, which one answers, which one is being opened. */
class Models {
  list = $state.raw<ModelEntry[]>([]);
  state = $state.raw<ModelState>({ loaded: null, opening: null, failed: null });
  /** False until the list came for the first time. */
  known = $state(false);
  /** Why the last command was refused. */
  error = $state.raw<ApiError | null>(null);

  readonly loaded = $derived(this.state.loaded);
  readonly opening = $derived(this.state.opening);
  readonly base = $derived(this.state.loaded?.kind === 'base');

  async load(): Promise<void> {
    await this.#try(async () => {
      const view = await call('models_list', {});
      this.list = view.models;
      this.state = view.state;
      this.known = true;
    });
  }

  /** Begins to open a model; how it goes comes as events. */
  async open(path: string): Promise<void> {
    await this.#try(async () => void (await call('model_open', { path })));
  }

  /** Asks with the native dialog, then opens what was chosen. A cancelled dialog changes nothing. */
  async pick(kind: PickKind): Promise<void> {
    await this.#try(async () => {
      const { path } = await call('model_pick', { kind });
      if (path !== null) await call('model_open', { path });
    });
  }

  async cancel(): Promise<void> {
    await this.#try(async () => void (await call('model_cancel_opening', {})));
  }

  async forget(path: string): Promise<void> {
    await this.#try(async () => {
      await call('model_forget', { path });
      await this.load();
    });
  }

  dismiss(): void {
    this.error = null;
    this.state = { ...this.state, failed: null };
  }

  async #try(what: () => Promise<void>): Promise<void> {
    this.error = null;
    try {
      await what();
    } catch (reason) {
      this.error = asApiError(reason);
    }
  }
}

export const models = new Models();
