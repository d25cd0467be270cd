// What a person sees and does in the window, by WebDriver.
import { Key, type WebDriver, type WebElement } from 'selenium-webdriver';

import { patience, until } from './waiting';

export { Key };

declare global {
  interface Window {
    /** Errors the page reported since the test began to listen. */
    problems?: string[];
    __TAURI_INTERNALS__: { invoke(command: string, parameters: unknown): Promise<unknown> };
  }
}

/** How an element is named: its test id, which of them (from the end if negative), and what must be around it. */
export interface Which {
  nth?: number;
  inside?: WebElement;
}

export class Page {
  constructor(readonly driver: WebDriver) {}

  /** Collects what goes wrong in the page from here on. Again after every reload. */
  async listen(): Promise<void> {
    await this.driver.executeScript(() => {
      if (window.problems) return;
      const problems: string[] = (window.problems = []);
      for (const level of ['error', 'warn'] as const) {
        const before = console[level].bind(console);
        console[level] = (...words: unknown[]) => {
          problems.push(`console.${level}: ${words.map(String).join(' ')}`);
          before(...words);
        };
      }
      addEventListener('error', ({ message }) => problems.push(`error: ${message}`));
      addEventListener('unhandledrejection', ({ reason }) => problems.push(`rejection: ${String(reason)}`));
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        problems.push(`security policy: ${violatedDirective} refused ${blockedURI}`),
      );
    });
  }

  async problems(): Promise<string[]> {
    const all = (await this.driver.executeScript<string[] | null>(() => window.problems ?? [])) ?? [];
    // Tauri's word for an answer that came after the page that had asked was reloaded: nobody misses it.
    return all.filter((problem) => !problem.includes("Couldn't find callback id"));
  }

  /** Every element on the page with this test id that is drawn. */
  async all(testid: string, inside?: WebElement): Promise<WebElement[]> {
    return this.driver.executeScript<WebElement[]>(
      (id: string, root: Element | null) =>
        [...(root ?? document).querySelectorAll(`[data-testid="${id}"]`)].filter(
          (one) => one.getClientRects().length > 0,
        ),
      testid,
      inside ?? null,
    );
  }

  async find(testid: string, { nth = 0, inside }: Which = {}): Promise<WebElement> {
    return until(`“${testid}” to be there`, async () => (await this.all(testid, inside)).at(nth));
  }

  async gone(testid: string): Promise<void> {
    await until(`“${testid}” to be gone`, async () => (await this.all(testid)).length === 0);
  }

  /** The text of an element as the page holds it, white space included. */
  async text(testid: string, which: Which = {}): Promise<string> {
    return until(`the text of “${testid}”`, async () => {
      const element = (await this.all(testid, which.inside)).at(which.nth ?? 0);
      return element && this.driver.executeScript<string>((one: Element) => one.textContent ?? '', element);
    });
  }

  async waitForText(
    testid: string,
    expected: string | RegExp,
    which: Which = {},
    milliseconds = patience,
  ): Promise<string> {
    return until(
      `“${testid}” to say ${expected}`,
      async () => {
        const text = await this.text(testid, which);
        const fits = typeof expected === 'string' ? text.includes(expected) : expected.test(text);
        if (!fits) throw new Error(`it says “${text.slice(0, 200)}”`);
        return { text };
      },
      milliseconds,
    ).then(({ text }) => text);
  }

  async attribute(testid: string, name: string, which: Which = {}): Promise<string | null> {
    return (await this.find(testid, which)).getAttribute(name);
  }

  async click(testid: string, which: Which = {}): Promise<void> {
    // The page may redraw between finding and clicking.
    await until(`“${testid}” to take a click`, async () => {
      const element = await this.find(testid, which);
      if (!(await element.isEnabled())) throw new Error('it is disabled');
      await element.click();
      return true;
    });
  }

  /** Replaces what is in a field, key by key. */
  async type(testid: string, text: string, which: Which = {}): Promise<void> {
    const element = await this.find(testid, which);
    await this.driver.executeScript((one: HTMLElement) => one.focus(), element);
    await this.chord(Key.CONTROL, 'a');
    await this.press(Key.DELETE);
    await this.press(text);
  }

  /** Puts a long text into a field at once, as pasting does. */
  async paste(testid: string, text: string): Promise<void> {
    await this.focus(await this.find(testid));
    await this.driver.executeScript((pasted: string) => document.execCommand('insertText', false, pasted), text);
  }

  /** Types at the focus, as the keyboard would. */
  async press(...keys: string[]): Promise<void> {
    await this.driver
      .actions()
      .sendKeys(...keys)
      .perform();
  }

  /** Presses a key while others are held. */
  async chord(...keys: string[]): Promise<void> {
    const held = keys.slice(0, -1);
    let actions = this.driver.actions();
    for (const key of held) actions = actions.keyDown(key);
    actions = actions.sendKeys(keys.at(-1) ?? '');
    for (const key of held.reverse()) actions = actions.keyUp(key);
    await actions.perform();
  }

  /** Moves the pointer onto an element. */
  async hover(element: WebElement): Promise<void> {
    await this.driver.actions().move({ origin: element }).perform();
  }

  async focus(element: WebElement): Promise<void> {
    await this.driver.executeScript((one: HTMLElement) => one.focus(), element);
  }

  /** The test id of what has the focus. */
  async focused(): Promise<string | null> {
    return this.driver.executeScript<string | null>(() => document.activeElement?.getAttribute('data-testid') ?? null);
  }

  /** Asks the core directly, as the page does. For looking, not for doing. */
  async ask<T>(command: string, request: unknown = {}): Promise<T> {
    const { answer, error } = await this.driver.executeAsyncScript<{ answer?: T; error?: unknown }>(
      (name: string, what: unknown, done: (result: unknown) => void) => {
        window.__TAURI_INTERNALS__.invoke('call', { name, request: what }).then(
          (answer) => done({ answer }),
          (error: unknown) => done({ error }),
        );
      },
      command,
      request,
    );
    if (error !== undefined) throw new Error(`${command}: ${JSON.stringify(error)}`);
    return answer as T;
  }
}
