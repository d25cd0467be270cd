// The real file dialogs of GTK, driven by xdotool as a person drives them by keyboard.
import { execFileSync } from 'node:child_process';

import { tool } from './places';
import { pause, until } from './waiting';

function xdotool(...parameters: string[]): string {
  return execFileSync(tool('xdotool'), parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function windows(title: string): string[] {
  try {
    return xdotool('search', '--onlyvisible', '--name', `^${title}$`).split('\n').filter(Boolean);
  } catch {
    // xdotool's way of saying that there is none.
    return [];
  }
}

/** An open native dialog. */
export class NativeDialog {
  private constructor(
    readonly title: string,
    private readonly window: string,
  ) {}

  /** Waits until a dialog with this title is on the screen, and gives it the keyboard. */
  static async opened(title: string): Promise<NativeDialog> {
    const window = await until(`the dialog “${title}”`, () => windows(title).at(-1));
    const dialog = new NativeDialog(title, window);
    await dialog.focus();
    return dialog;
  }

  /** No window manager runs on the test's screen, so nothing else would give it the keyboard. */
  private async focus(): Promise<void> {
    await until(`the keyboard to be with “${this.title}”`, () => {
      xdotool('windowraise', this.window, 'windowfocus', '--sync', this.window);
      return xdotool('getwindowfocus').trim() === this.window;
    });
    // GTK hears of it by an event of its own.
    await pause(300);
  }

  async keys(...keys: string[]): Promise<void> {
    xdotool('key', '--delay', '40', ...keys);
    await pause(100);
  }

  /** Types a whole path into the dialog's entry and confirms it. */
  async choose(path: string): Promise<void> {
    // On a busy machine the entry may come after the first letters; then it is done again.
    for (let tries = 0; tries < 5 && this.isOpen(); tries += 1) {
      await this.enter(path);
      await this.keys('Return');
      // A first Return may only take the completion.
      if (!(await this.closesSoon())) await this.keys('Return');
      if (await this.closesSoon()) break;
    }
    await this.closed();
  }

  /** Types a whole path into the dialog's entry. */
  async enter(path: string): Promise<void> {
    // A dialog that opens shows its entry when a slash is typed; one that saves has it from the start.
    await this.keys('slash');
    await pause(300);
    await this.keys('ctrl+a');
    xdotool('type', '--delay', '15', path);
    await pause(300);
  }

  async cancel(): Promise<void> {
    await this.keys('Escape');
    // The first one may only close a list of completions.
    await pause(300);
    if (this.isOpen()) await this.keys('Escape');
    await this.closed();
  }

  private isOpen(): boolean {
    return windows(this.title).length > 0;
  }

  private async closesSoon(): Promise<boolean> {
    for (let waited = 0; this.isOpen() && waited < 1000; waited += 50) await pause(50);
    return !this.isOpen();
  }

  async closed(): Promise<void> {
    await until(`the dialog “${this.title}” to close`, () => !this.isOpen());
  }
}
