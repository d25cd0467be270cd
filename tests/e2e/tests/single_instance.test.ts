import { spawn } from 'node:child_process';
import { basename } from 'node:path';

import { expect } from 'vitest';

import { loaded } from '../harness/chat';
import { environment } from '../harness/driver';
import { endless } from '../harness/models';
import { program } from '../harness/places';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

windowTest('a second start ends and opens its model in the first window', async ({ home, open }) => {
  const page = await open();
  const model = endless(home, 'base');
  // As from a terminal: a path relative to where it was typed.
  const second = spawn(program, [basename(model)], { cwd: home, env: environment(home), stdio: 'ignore' });
  try {
    const status = await until('the second start to end', () => second.exitCode ?? second.signalCode);
    expect(status).toBe(0);
    await loaded(page, model);
    await page.find('open-folder');
    await until('the card that says so', async () => {
      for (const card of await page.all('model-card')) {
        if ((await card.getAttribute('data-path')) === model)
          return (await card.getAttribute('data-state')) === 'loaded';
      }
      return false;
    });
  } finally {
    if (second.exitCode === null) second.kill('SIGKILL');
  }
});

windowTest('a model given at the first start is opened', async ({ home, open }) => {
  const model = endless(home, 'chat');
  const page = await open(model);
  await loaded(page, model);
});
