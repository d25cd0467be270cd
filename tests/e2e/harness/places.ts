// Where things lie: the program, the tools, the data, and what these tests leave behind.
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const folder = resolve(fileURLToPath(import.meta.url), '../..');
export const repository = resolve(folder, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(repository, 'target');

/** The path without links, as /proc shows it for a running program. */
const real = (path: string) => (existsSync(path) ? realpathSync(path) : path);
export const program = real(process.env.NEURALCHAT_BINARY ?? join(target, 'debug/neuralchat'));
export const commandLine = real(process.env.NEURALCHAT_CLI ?? join(target, 'debug/neuralchat-cli'));
export const starter = join(repository, 'assets/starter');

/** Screenshots, and what a failed test leaves. Not committed. */
export const artefacts = join(folder, 'artefacts');

/** A trained model that is here on the project's own machines only. */
// The program shows a model by its real path, whatever links lead to it.
export const stories = real(resolve(repository, '../shared/data/models/stories260k'));

/** A program on the PATH, or among the tools that the scripts built. */
export function tool(name: string): string {
  const places = [...(process.env.PATH ?? '').split(delimiter), join(repository, 'target/tools/bin')];
  const found = places.map((place) => join(place, name)).find(existsSync);
  if (!found) throw new Error(`${name} is missing: run these tests by \`make test\`, which installs it`);
  return found;
}
