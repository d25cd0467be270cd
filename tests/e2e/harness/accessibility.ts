import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { AxeResults } from 'axe-core';

import type { Page } from './page';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

declare global {
  interface Window {
    axe?: { run(root: Document, options: unknown): Promise<AxeResults> };
  }
}

/** What axe finds wrong with the page as it is now, a line each. */
export async function complaints(page: Page): Promise<string[]> {
  // Put into the page by WebDriver, which its security policy does not bind.
  if (!(await page.driver.executeScript<boolean>(() => window.axe !== undefined)))
    await page.driver.executeScript(source);
  const { violations, error } = await page.driver.executeAsyncScript<{
    violations?: AxeResults['violations'];
    error?: string;
  }>((done: (result: unknown) => void) => {
    const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    window.axe?.run(document, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] }).then(
      ({ violations }) => done({ violations }),
      (reason: unknown) => done({ error: String(reason) }),
    );
  });
  if (!violations) throw new Error(`axe could not run: ${error}`);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 300)}: ${failureSummary?.replace(/\s+/g, ' ')}`,
    ),
  );
}
