import {
  asApiError,
  call,
  type ApiError,
  type BeforeAfterRow,
  type ChartKind,
  type PictureFormat,
  type RunView,
} from '../backend';
import { runs } from './runs.svelte';
import { toasts } from './toasts.svelte';

/** Least milliseconds between two questions while a run's events come. */
export const pace = 1000;
/** A slider is let go before the core is asked. */
export const settling = 200;

/** How much of the value before stays in a smoothed line; the same for every chart. */
class Smoothing {
  value = $state(0.6);
}

export const smoothing = new Smoothing();

/** The run whose page is open. */
class RunPage {
  view = $state.raw<RunView | null>(null);
  loading = $state(false);
  error = $state.raw<ApiError | null>(null);
  /** Questions of the person's own with both answers, the newest first. */
  asked = $state.raw<BeforeAfterRow[]>([]);
  asking = $state(false);
  askError = $state.raw<ApiError | null>(null);
  #id: string | null = null;
  #question = 0;
  /** The newest question that was answered, and whether one is under way. */
  #answered = 0;
  #under = 0;
  #again = false;
  #last = -Infinity;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #settle: ReturnType<typeof setTimeout> | null = null;

  /** Shows a run, or asks for the one shown anew. */
  async open(id: string): Promise<void> {
    if (id !== this.#id) {
      this.close();
      this.#id = id;
    }
    this.loading = this.view === null;
    await this.#ask();
    this.loading = false;
  }

  /** The page of a run was left; where another run's has been opened already, there is nothing left to close. */
  leave(id: string): void {
    if (id === this.#id) this.close();
  }

  /** No run is shown. */
  close(): void {
    this.#id = null;
    this.#answered = this.#question;
    this.#again = false;
    this.#quiet();
    this.view = null;
    this.error = this.askError = null;
    this.asked = [];
    this.asking = this.loading = false;
    this.#last = -Infinity;
  }

  async reload(): Promise<void> {
    if (this.#id !== null) await this.open(this.#id);
  }

  /** A run moved on: its page asks anew, at most once in `pace`. */
  receive(id: string): void {
    if (id === this.#id) this.changed();
  }

  /** Something of this run may have changed. */
  changed(): void {
    if (this.#id === null || this.#timer !== null) return;
    // A slow answer is waited for, so that questions do not pile up.
    if (this.#under > 0) {
      this.#again = true;
      return;
    }
    const wait = Math.max(0, this.#last + pace - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#ask();
    }, wait);
  }

  /** Another smoothing, for all charts; the core is asked when the slider rests. */
  smooth(value: number): void {
    smoothing.value = value;
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      this.#settle = null;
      void this.#ask();
    }, settling);
  }

  async ask(prompt: string): Promise<boolean> {
    const id = this.#id;
    if (id === null || this.asking) return false;
    this.asking = true;
    this.askError = null;
    try {
      const row = await call('run_ask', { id, prompt });
      if (id === this.#id) this.asked = [row, ...this.asked];
      return true;
    } catch (reason) {
      if (id === this.#id) this.askError = asApiError(reason);
      return false;
    } finally {
      if (id === this.#id) this.asking = false;
    }
  }

  #quiet(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#timer = this.#settle = null;
  }

  async #ask(): Promise<void> {
    const id = this.#id;
    if (id === null) return;
    const question = ++this.#question;
    this.#last = Date.now();
    this.#under += 1;
    try {
      const view = await call('run_get', { id, smoothing: smoothing.value });
      if (question <= this.#answered) return;
      this.#answered = question;
      // Older than what is shown: something was overtaken on the way.
      if (view.as_of < (this.view?.as_of ?? 0)) return;
      this.view = view;
      this.error = null;
      runs.tell(view.summary, view.as_of);
    } catch (reason) {
      if (question > this.#answered) this.error = asApiError(reason);
    } finally {
      this.#under -= 1;
      if (this.#again && this.#under === 0) {
        this.#again = false;
        this.changed();
      }
    }
  }
}

export const runPage = new RunPage();

export interface Picture {
  ids: string[];
  chart: ChartKind;
  logarithmic: boolean;
  format: PictureFormat;
}

/** Draws a chart to a file that the person names. */
export async function savePicture(picture: Picture): Promise<void> {
  try {
    const { path } = await call('run_chart_save', { ...picture, smoothing: smoothing.value });
    if (path !== null) toasts.say(`Written to ${path}.`);
  } catch (reason) {
    const error = asApiError(reason);
    const again = () => void savePicture(picture);
    toasts.say(`${error.message} ${error.remedy}`, { label: 'Choose another place', run: again, lasting: true });
  }
}
