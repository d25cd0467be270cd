import { call, type Settings } from '../backend';
import { parseRoute, routeHash, type Page, type Route, type TunePlace } from '../logic/route';
import { toasts } from './toasts.svelte';

const rememberedTheme = 'theme';

/** Where the person is and what they have set for the whole program. */
export class App {
  route = $state<Route>(parseRoute(location.hash));
  settings = $state<Settings>({ theme: 'system', advanced: false, sidebar_collapsed: false, kernels: null });
  palette = $state(false);
  sheet = $state(false);
  /** Something is dragged over the window. */
  dragging = $state(false);
  #systemDark = $state(false);
  #loaded = false;
  /** What was changed before the settings were there. */
  #early: Partial<Settings> = {};

  readonly dark = $derived(this.settings.theme === 'system' ? this.#systemDark : this.settings.theme === 'dark');

  constructor() {
    const query = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;
    this.#systemDark = query?.matches ?? false;
    query?.addEventListener('change', ({ matches }) => (this.#systemDark = matches));
    // The theme is remembered here too, so that the first frame already has it.
    const theme = localStorage.getItem(rememberedTheme);
    if (theme === 'light' || theme === 'dark') this.settings.theme = theme;
    window.addEventListener('hashchange', () => (this.route = parseRoute(location.hash)));
  }

  go(page: Page, chat: number | null = null): void {
    this.#show(page === 'fine-tune' ? { page, chat: null, tune: { view: 'list' } } : { page, chat });
  }

  /** Shows a place of the Fine-tune page. */
  tune(place: TunePlace): void {
    this.#show({ page: 'fine-tune', chat: null, tune: place });
  }

  /** Shows a run's page. */
  openRun(id: string): void {
    this.tune({ view: 'run', id });
  }

  #show(route: Route): void {
    this.route = route;
    const hash = routeHash(route);
    if (location.hash !== hash) location.hash = hash;
  }

  async load(): Promise<void> {
    try {
      const kept = await call('settings_get', {});
      this.settings = { ...kept, ...this.#early };
      localStorage.setItem(rememberedTheme, this.settings.theme);
    } finally {
      this.#loaded = true;
    }
    if (Object.keys(this.#early).length > 0) await this.set(this.#early);
    this.#early = {};
  }

  /** Changes at once; what the core could not keep is said. */
  async set(change: Partial<Settings>): Promise<void> {
    this.settings = { ...this.settings, ...change };
    localStorage.setItem(rememberedTheme, this.settings.theme);
    // All settings are kept together: before they are known, a change waits.
    if (!this.#loaded) {
      this.#early = { ...this.#early, ...change };
      return;
    }
    try {
      await call('settings_set', $state.snapshot(this.settings));
    } catch {
      toasts.say('This setting could not be saved; it holds until the window is closed.');
    }
  }

  toggleTheme(): void {
    void this.set({ theme: this.dark ? 'light' : 'dark' });
  }

  toggleSidebar(): void {
    void this.set({ sidebar_collapsed: !this.settings.sidebar_collapsed });
  }
}

export const app = new App();
