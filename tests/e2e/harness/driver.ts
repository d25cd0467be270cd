// tauri-driver, WebKitWebDriver below it, and the program below that: started for one test, ended with it.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

import { Builder, Capabilities, type WebDriver } from 'selenium-webdriver';
import type { Command } from 'selenium-webdriver/lib/command';

import { program, tool } from './places';
import { descendants, end, executable, isAlive } from './processes';
import { pause, until } from './waiting';

/** No command takes nearly as long, scripts included. */
const commandMilliseconds = 45_000;

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** A started program and what leads to it. */
export interface Started {
  driver: WebDriver;
  /** The program's process. */
  pid: number;
  /** Ends all of it; what the program had open is closed as when a person closes the window. */
  close(): Promise<void>;
}

/** What the program sees: a library of its own, and none of the person's settings, caches and recent files. */
export function environment(home: string): NodeJS.ProcessEnv {
  const { WAYLAND_DISPLAY: _, ...inherited } = process.env;
  return {
    ...inherited,
    NEURALCHAT_HOME: join(home, 'library'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_STATE_HOME: join(home, 'state'),
    GDK_BACKEND: 'x11',
    GTK_THEME: 'Adwaita',
    NO_AT_BRIDGE: '1',
    LC_ALL: 'C.UTF-8',
  };
}

/** A command that the driver never answers becomes an error that names it. */
function impatient(driver: WebDriver): WebDriver {
  const execute = driver.execute.bind(driver) as (command: Command) => Promise<unknown>;
  driver.execute = async <T>(command: Command): Promise<T> => {
    const watch = new AbortController();
    const late = pause(commandMilliseconds, null, { signal: watch.signal }).then(
      () => {
        throw new Error(
          `the driver did not answer “${command.getName()}” ${JSON.stringify(command.getParameters()).slice(0, 300)}`,
        );
      },
      () => new Promise<never>(() => undefined),
    );
    try {
      return (await Promise.race([execute(command), late])) as T;
    } finally {
      watch.abort();
    }
  };
  return driver;
}

/** Starts the program on a folder of its own. What it and its drivers say is appended to `home`/stderr.log. */
export async function start(home: string, parameters: string[]): Promise<Started> {
  const [port, nativePort] = [await freePort(), await freePort()];
  const output = openSync(join(home, 'stderr.log'), 'a');
  const tauriDriver: ChildProcess = spawn(
    tool('tauri-driver'),
    ['--port', String(port), '--native-port', String(nativePort), '--native-driver', tool('WebKitWebDriver')],
    {
      // Its own process group, so that all of it can be ended and nothing else.
      detached: true,
      stdio: ['ignore', output, output],
      env: environment(home),
    },
  );
  closeSync(output);
  const group = tauriDriver.pid;
  if (group === undefined) throw new Error('tauri-driver could not be started');

  const endGroup = async () => {
    const whole = [group, ...descendants(group)];
    end(group, 'SIGTERM');
    for (let waited = 0; whole.some(isAlive) && waited < 2000; waited += 50) await pause(50);
    end(-group, 'SIGKILL');
    await until('the processes of this test to end', () => !whole.some(isAlive));
  };

  try {
    await until('the drivers to listen', async () => (await accepts(port)) && (await accepts(nativePort)));
    const capabilities = new Capabilities({ 'tauri:options': { application: program, args: parameters } });
    capabilities.setBrowserName('wry');
    const server = `http://127.0.0.1:${port}/`;
    const driver = impatient(await new Builder().usingServer(server).withCapabilities(capabilities).build());
    const pid = await until('the process of the program', () =>
      descendants(group).find((one) => executable(one) === program),
    );
    const close = async () => {
      await Promise.race([driver.quit().catch(() => undefined), pause(5000)]);
      await endGroup();
    };
    return { driver, pid, close };
  } catch (error) {
    await endGroup();
    throw error;
  }
}
