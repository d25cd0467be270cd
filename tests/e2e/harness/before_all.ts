// Says what is missing before the first test, instead of failing in each.
import { existsSync, mkdirSync, rmSync } from 'node:fs';

import { artefacts, commandLine, program, tool } from './places';

export function setup(): void {
  for (const variable of ['DISPLAY', 'DBUS_SESSION_BUS_ADDRESS']) {
    if (!process.env[variable])
      throw new Error(
        `${variable} is not set. These tests need a screen and a message bus of their own:\n` +
          'dbus-run-session -- xvfb-run --auto-servernum --server-args="-screen 0 1440x960x24" npm test',
      );
  }
  for (const file of [program, commandLine]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: build it first (cargo build --workspace --bins)`);
  }
  for (const name of ['tauri-driver', 'WebKitWebDriver', 'xdotool', 'import']) tool(name);
  rmSync(artefacts, { recursive: true, force: true });
  mkdirSync(artefacts, { recursive: true });
}
