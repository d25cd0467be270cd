// One test with a window of its own: a fresh library, and on failure everything that helps to see why.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { test } from 'vitest';

import { start, type Started } from './driver';
import { Page } from './page';
import { screenPicture } from './pictures';
import { artefacts } from './places';
import { end, isAlive } from './processes';
import { pause, until } from './waiting';

/** The program on a folder of its own; it can be ended and started again. */
export class TestWindow extends Page {
  private constructor(
    /** Holds the library, and whatever else the test writes. */
    readonly home: string,
    private started: Started,
  ) {
    super(started.driver);
  }

  static async open(home: string, parameters: string[] = []): Promise<TestWindow> {
    const window = new TestWindow(home, await start(home, parameters));
    await window.ready();
    return window;
  }

  get pid(): number {
    return this.started.pid;
  }

  /** The page is drawn, knows the core, and the starter answers. */
  async ready(): Promise<void> {
    await this.driver.manage().setTimeouts({ script: 30_000 });
    await until('the page', () => this.driver.executeScript<boolean>(() => document.querySelector('nav') !== null));
    await this.listen();
    await until('a loaded model', async () => {
      const { state } = await this.ask<{ state: { loaded: unknown; opening: unknown } }>('models_list');
      return state.loaded !== null && state.opening === null;
    });
  }

  async reload(): Promise<void> {
    await this.driver.executeScript(() => {
      // Marks the old page, so that the new one is known when it is there.
      window.problems = undefined;
      document.body.dataset.old = 'yes';
      location.reload();
    });
    await until('the new page', () =>
      this.driver.executeScript<boolean>(
        () => document.body?.dataset.old === undefined && document.querySelector('nav') !== null,
      ),
    );
    await this.listen();
  }

  /** As a power cut: no word of warning, nothing flushed. */
  async kill(): Promise<void> {
    const { pid } = this;
    end(pid, 'SIGKILL');
    await until('the program to be dead', () => !isAlive(pid));
    await this.started.close();
  }

  async close(): Promise<void> {
    await this.started.close();
  }
}

export interface Tools {
  /** The folder of this test. */
  home: string;
  /** Starts the program, with parameters as on a command line. It is closed when the test ends. */
  open(...parameters: string[]): Promise<TestWindow>;
}

function stderrOf(home: string): string {
  try {
    return readFileSync(join(home, 'stderr.log'), 'utf8');
  } catch {
    return '';
  }
}

/** Saves what is on the screen and what was said, and puts the words into the error. */
async function explain(name: string, home: string, window: TestWindow | undefined, error: unknown): Promise<Error> {
  const folder = join(artefacts, 'failed', name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80));
  mkdirSync(folder, { recursive: true });
  const parts: string[] = [];
  screenPicture(join('failed', folder.slice(folder.lastIndexOf('/') + 1), 'screen'));
  if (window) {
    const page = await window.driver.getPageSource().catch(() => '');
    writeFileSync(join(folder, 'page.html'), page);
    const problems = await window
      .problems()
      .catch((reason: unknown) => [`the page does not answer: ${String(reason)}`]);
    parts.push('the page said:', ...(problems.length > 0 ? problems : ['nothing']));
  }
  const said = stderrOf(home);
  writeFileSync(join(folder, 'stderr.log'), said);
  parts.push('the program said:', said.trim() ? said.trim().split('\n').slice(-30).join('\n') : 'nothing');
  const failure = error instanceof Error ? error : new Error(String(error));
  failure.message = `${failure.message}\n\n${parts.join('\n')}\n(screen and page: ${folder})`;
  return failure;
}

/** The body's own limit ends before vitest's, which would leave the window open. */
async function inTime(body: Promise<void>, milliseconds: number): Promise<void> {
  const watch = new AbortController();
  const late = pause(milliseconds, null, { signal: watch.signal }).then(
    () => {
      throw new Error(`the test took longer than ${milliseconds / 1000} s`);
    },
    () => undefined,
  );
  await Promise.race([body, late]).finally(() => watch.abort());
}

/** A test of the real window. It fails, too, when the page reported an error or the program panicked. */
export function windowTest(
  name: string,
  body: (tools: Tools) => Promise<void>,
  milliseconds = 120_000,
): void {
  const limit = milliseconds + 60_000;
  test(name, { timeout: limit }, async () => {
    const home = mkdtempSync(join(tmpdir(), 'neuralchat-'));
    let window: TestWindow | undefined;
    const open = async (...parameters: string[]) => (window = await TestWindow.open(home, parameters));
    try {
      await inTime(body({ home, open }), milliseconds);
      const problems = window ? await (window as TestWindow).problems() : [];
      if (problems.length > 0) throw new Error('the page reported problems');
      if (/panicked at/.test(stderrOf(home))) throw new Error('the program panicked');
    } catch (error) {
      throw await explain(name, home, window, error);
    } finally {
      await window?.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
}
