import { asApiError, call, type ApiError, type Recipe, type RunPlan } from '../backend';

/** Plans are asked for when nothing has changed for so long, milliseconds. */
export const settled = 300;

/** What the recipe that is being made would take. Of several questions only the newest one's answer counts. */
export class Plans {
  plan = $state.raw<RunPlan | null>(null);
  /** A plan was asked for, or will be once changes have settled. */
  planning = $state(false);
  measuring = $state(false);
  /** The plan that is there was measured. */
  measured = $state(false);
  error = $state.raw<ApiError | null>(null);

  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** What was planned holds no longer. */
  drop(): void {
    this.#supersede();
    this.plan = this.error = null;
  }

  /** Asks after a while, unless something changes before; the plan that is there stays to be looked at. */
  ask(recipe: Recipe, measure: boolean, after: number): void {
    const asked = this.#supersede();
    this.planning = true;
    this.#timer = setTimeout(() => void this.#call(asked, recipe, measure), after);
  }

  #supersede(): number {
    clearTimeout(this.#timer);
    this.measured = this.planning = this.measuring = false;
    return ++this.#asked;
  }

  async #call(asked: number, recipe: Recipe, measure: boolean): Promise<void> {
    this.measuring = measure;
    this.error = null;
    try {
      const plan = await call('run_plan', { recipe, measure });
      if (asked !== this.#asked) return;
      this.plan = plan;
      this.measured = measure;
    } catch (reason) {
      if (asked !== this.#asked) return;
      this.plan = null;
      this.error = asApiError(reason);
    }
    this.planning = this.measuring = false;
  }
}
