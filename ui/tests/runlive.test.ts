// How a run's page keeps up with its events, and what its charts are given.
import { render, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { useBackend, type Backend, type NumberedEvent, type Response, type RunView } from '../src/backend';
import { backendOf, Core } from '../src/backend/mock';
import { scene } from '../src/backend/mock/scenes';
import Chart from '../src/runs/Chart.svelte';
import { pace, runPage, settling, smoothing } from '../src/state/run.svelte';
import { runs } from '../src/state/runs.svelte';
import { plots } from './plots';
import { all, click, one, open } from './world';

function running(): { core: Core; view: () => RunView } {
  const core = new Core();
  scene(core, 'run-running');
  return { core, view: () => core.runs.view(core.runs.find('run-1'), 0.6) };
}

/** A door to the core that counts the questions and lets the test answer them. */
function door(core: Core, get: (smoothing: number) => Promise<RunView>): { questions: number[] } {
  const inner = backendOf(core);
  const questions: number[] = [];
  const call: Backend['call'] = async (name, request) => {
    if (name !== 'run_get') return await inner.call(name, request);
    const { smoothing } = request as { smoothing: number };
    questions.push(smoothing);
    return (await get(smoothing)) as Response<typeof name>;
  };
  useBackend({ ...inner, call });
  return { questions };
}

describe('a page whose run moves on', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    runPage.close();
    runs.forget();
    smoothing.value = 0.6;
  });
  afterEach(() => {
    runPage.close();
    vi.useRealTimers();
  });

  it('asks at most once a second while events rain, and once more after the last', async () => {
    const { core, view } = running();
    const { questions } = door(core, () => Promise.resolve(view()));
    await runPage.open('run-1');
    expect(questions).toHaveLength(1);
    for (let tick = 0; tick < 50; tick += 1) {
      runPage.receive('run-1');
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(questions.length).toBeGreaterThanOrEqual(5);
    expect(questions.length).toBeLessThanOrEqual(6);
    const rained = questions.length;
    await vi.advanceTimersByTimeAsync(10 * pace);
    expect(questions.length).toBeLessThanOrEqual(rained + 1);
    const silent = questions.length;
    runPage.receive('run-1');
    await vi.advanceTimersByTimeAsync(1);
    expect(questions).toHaveLength(silent + 1);
  });

  it('does not ask for other runs, nor once it was left', async () => {
    const { core, view } = running();
    const { questions } = door(core, () => Promise.resolve(view()));
    await runPage.open('run-1');
    runPage.receive('run-2');
    await vi.advanceTimersByTimeAsync(5 * pace);
    expect(questions).toHaveLength(1);
    runPage.receive('run-1');
    runPage.close();
    await vi.advanceTimersByTimeAsync(5 * pace);
    expect(questions).toHaveLength(1);
  });

  it('waits for a slow answer before it asks again', async () => {
    const { core, view } = running();
    const { questions } = door(core, () => new Promise((done) => setTimeout(() => done(view()), 5 * pace)));
    void runPage.open('run-1');
    for (let tick = 0; tick < 40; tick += 1) {
      runPage.receive('run-1');
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1.5 * pace);
    expect(runPage.view?.summary.id).toBe('run-1');
    expect(questions).toHaveLength(2);
  });

  it('drops a view that is older than what is shown', async () => {
    const { core, view } = running();
    const answers = [
      { ...view(), as_of: 9 },
      { ...view(), as_of: 4, folder: 'stale' },
      { ...view(), as_of: 9, folder: 'new' },
    ];
    door(core, () => Promise.resolve(answers.shift() as RunView));
    await runPage.open('run-1');
    await runPage.reload();
    expect(runPage.view?.as_of).toBe(9);
    expect(runPage.view?.folder).not.toBe('stale');
    await runPage.reload();
    expect(runPage.view?.folder).toBe('new');
  });

  it('keeps what an event told after the view was made', async () => {
    const { core, view } = running();
    const early = view();
    door(core, () => Promise.resolve({ ...early, as_of: 3 }));
    const paused = { ...early.summary, standing: { state: 'paused' } as const };
    runs.receive(paused, 4);
    await runPage.open('run-1');
    expect(runs.find('run-1')?.standing.state).toBe('paused');
    runs.tell(early.summary, 5);
    expect(runs.find('run-1')?.standing.state).toBe('running');
  });

  it('asks anew when the smoothing slider rests', async () => {
    const { core, view } = running();
    const { questions } = door(core, () => Promise.resolve(view()));
    await runPage.open('run-1');
    for (const value of [0.5, 0.4, 0.3]) {
      runPage.smooth(value);
      await vi.advanceTimersByTimeAsync(settling / 2);
    }
    expect(questions).toEqual([0.6]);
    await vi.advanceTimersByTimeAsync(settling);
    expect(questions).toEqual([0.6, 0.3]);
  });
});

describe('the list', () => {
  it('keeps an event that came before the answer of a command', async () => {
    const core = new Core();
    scene(core, 'run-running');
    const inner = backendOf(core);
    const listeners: ((event: NumberedEvent) => void)[] = [];
    core.listen((event) => listeners.forEach((listener) => listener(event)));
    runs.forget();
    useBackend({
      ...inner,
      call: async (name, request) => {
        const answer = await inner.call(name, request);
        // The event overtakes the answer.
        if (name === 'run_pause')
          runs.receive({ ...core.runs.find('run-1').summary, standing: { state: 'paused' } }, 10);
        return answer;
      },
    });
    await runs.load();
    await runs.pause('run-1');
    expect(runs.find('run-1')?.standing.state).toBe('paused');
  });
});

describe('a chart', () => {
  beforeEach(() => {
    plots.length = 0;
  });

  it('is given new numbers without being made anew', async () => {
    const { core, view } = running();
    const [loss] = view().charts;
    const { rerender } = render(Chart, { chart: loss!, ids: ['run-1'] });
    await waitFor(() => expect(plots).toHaveLength(1));
    const plot = plots[0]!;
    expect(plot.data[0]).toHaveLength(64);
    expect(plot.options.axes?.map(({ label }) => label)).toEqual(['step', 'nats per token']);
    expect(plot.options.series.map(({ label }) => label)).toEqual([undefined, 'Training', 'Training', 'Held-out rows']);
    core.runs.at(core.runs.find('run-1'), 70, { state: 'running' });
    await rerender({ chart: view().charts[0]!, ids: ['run-1'] });
    await waitFor(() => expect(plot.data[0]).toHaveLength(70));
    expect(plots).toHaveLength(1);
    expect(plot.gone).toBe(false);
  });

  it('gets a logarithmic axis', async () => {
    const { view } = running();
    render(Chart, { chart: view().charts[0]!, ids: ['run-1'] });
    await waitFor(() => expect(plots).toHaveLength(1));
    await click('chart-log');
    await waitFor(() => expect(plots.at(-1)?.options.scales?.y?.distr).toBe(3));
    expect(plots[0]?.gone).toBe(true);
  });

  it('shows the same numbers as a table', async () => {
    const { view } = running();
    const loss = view().charts[0]!;
    render(Chart, { chart: loss, ids: ['run-1'] });
    await click('chart-as-table');
    const table = await one<HTMLTableElement>('chart-table');
    const rows = [...table.tBodies[0]!.rows].map((row) => [...row.cells].map((cell) => cell.textContent));
    expect(rows).toHaveLength(64);
    const close = (text: string | null | undefined, value: number) =>
      expect(Math.abs(Number(text) - value)).toBeLessThan(0.001);
    for (const step of [1, 20, 64]) {
      close(rows[step - 1]?.[1], loss.curves[0]!.values[step - 1]!);
      close(rows[step - 1]?.[2], loss.curves[0]!.smoothed[step - 1]!);
    }
    close(rows[19]?.[3], loss.curves[1]!.values[0]!);
    expect(rows[20]?.[3]).toBe('');
  });

  it('is saved as a picture', async () => {
    const { core } = await open('run-running', '#/fine-tune/run/run-1');
    await waitFor(() => expect(all('chart-save').length).toBeGreaterThan(3));
    all('chart-save')[0]?.click();
    await click('chart-save-svg');
    await waitFor(() =>
      expect(core.runs.saved).toEqual([
        { ids: ['run-1'], chart: 'loss', smoothing: smoothing.value, logarithmic: false, format: 'svg' },
      ]),
    );
    await waitFor(() => expect(all('toast')[0]?.textContent).toContain('/home/ada/loss.svg'));
  });
});
