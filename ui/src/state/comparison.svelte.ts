import { asApiError, call, type ApiError, type RunsComparison } from '../backend';
import { settling, smoothing } from './run.svelte';

/** The runs laid over each other. */
class Comparison {
  view = $state.raw<RunsComparison | null>(null);
  error = $state.raw<ApiError | null>(null);
  #ids: string[] = [];
  #question = 0;
  #settle: ReturnType<typeof setTimeout> | null = null;

  async open(ids: string[]): Promise<void> {
    if (ids.join() !== this.#ids.join()) this.view = null;
    this.#ids = ids;
    this.error = null;
    const question = ++this.#question;
    try {
      const view = await call('runs_compare', { ids, smoothing: smoothing.value });
      if (question === this.#question) this.view = view;
    } catch (reason) {
      if (question === this.#question) this.error = asApiError(reason);
    }
  }

  smooth(value: number): void {
    smoothing.value = value;
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.open(this.#ids), settling);
  }
}

export const comparison = new Comparison();
