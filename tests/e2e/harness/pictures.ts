// Screenshots, in every size and theme that the design asks for, and what axe says of them.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { expect } from 'vitest';

import { complaints } from './accessibility';
import type { Page } from './page';
import { artefacts, tool } from './places';
import { pause, until } from './waiting';

const sizes = [
  [1024, 640],
  [1440, 900],
] as const;
const themes = ['dark', 'light'] as const;
export type Theme = (typeof themes)[number];

export const themeOf = (page: Page) =>
  page.driver.executeScript<string>(() => document.documentElement.dataset.theme ?? '');

async function setTheme(page: Page, theme: Theme): Promise<void> {
  // By the button's own click and not by the pointer, which would leave its mark on the picture and close what is open.
  if ((await themeOf(page)) !== theme)
    await page.driver.executeScript(() => document.querySelector<HTMLElement>('[data-testid="theme-toggle"]')?.click());
  await until(`the ${theme} theme`, async () => (await themeOf(page)) === theme);
}

/** Makes the page, not the window with whatever surrounds it, this large. */
export async function setSize(page: Page, width: number, height: number): Promise<void> {
  const inner = () => page.driver.executeScript<[number, number]>(() => [innerWidth, innerHeight]);
  const fits = async () => (await inner()).join() === [width, height].join();
  if (await fits()) return;
  const window = page.driver.manage().window();
  const [[w, h], outer] = [await inner(), await window.getRect()];
  await window.setRect({ x: 0, y: 0, width: outer.width + width - w, height: outer.height + height - h });
  await until(`a page of ${width} × ${height}`, fits);
}

/** The window as it is on the screen, where it lies in the corner. (WebDriver's own screenshot now and then never comes.) */
function picture(name: string, width: number, height: number): void {
  const area = `${width}x${height}+0+0`;
  execFileSync(tool('import'), ['-window', 'root', '-crop', area, '+repage', join(artefacts, `${name}.png`)]);
}

/**
 * Keeps the state as it is: a picture in both sizes and both themes, in which axe must find nothing wrong. Leaves the
 * window large and light. What does not outlive a change of size is arranged anew for each picture.
 */
export async function record(page: Page, state: string, arrange?: () => Promise<void>): Promise<void> {
  const wrong: string[] = [];
  for (const theme of themes) {
    await setTheme(page, theme);
    for (const [width, height] of sizes) {
      await setSize(page, width, height);
      await arrange?.();
      // Transitions are under 150 ms.
      await pause(160);
      picture(`${state}-${width}x${height}-${theme}`, width, height);
    }
    wrong.push(...(await complaints(page)).map((complaint) => `${state}, ${theme}: ${complaint}`));
  }
  // Soft: one state's fault does not hide the next one's.
  expect.soft(wrong, `what axe finds wrong with “${state}”`).toEqual([]);
}

/** The whole screen, native dialogs included. */
export function screenPicture(name: string): void {
  execFileSync(tool('import'), ['-window', 'root', join(artefacts, `${name}.png`)]);
}
