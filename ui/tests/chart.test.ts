import { describe, expect, it } from 'vitest';

import type { Chart, Curve } from '../src/backend';
import { drawing, isEmpty, isSmoothed, legend, shapeOf, sparkline, table } from '../src/logic/chart';

const curve = (name: string, change: Partial<Curve> = {}): Curve => ({
  name,
  held_out: false,
  steps: [1, 2, 3],
  values: [3, 2, 1],
  smoothed: [3, 2.5, 1.75],
  ...change,
});
const held = curve('Held-out', { held_out: true, steps: [2, 4], values: [2.25, 1.5], smoothed: [2.25, 1.5] });
const chart = (...curves: Curve[]): Chart => ({
  kind: 'loss',
  title: 'Loss',
  unit: 'nats',
  about: 'Lower is better.',
  can_be_logarithmic: true,
  curves,
});

describe('a drawing', () => {
  it('lays curves over the same steps, the raw line faint under the smoothed one', () => {
    const { steps, lines } = drawing(chart(curve('Training'), held));
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(lines.map(({ name, look, hue, values }) => [name, look, hue, values])).toEqual([
      ['Training', 'faint', 0, [3, 2, 1, null]],
      ['Training', 'plain', 0, [3, 2.5, 1.75, null]],
      ['Held-out', 'dots', 1, [null, 2.25, null, 1.5]],
    ]);
  });

  it('has one line where nothing is smoothed', () => {
    const bare = curve('Rate', { smoothed: [3, 2, 1] });
    expect(isSmoothed(bare)).toBe(false);
    expect(isSmoothed(held)).toBe(false);
    expect(drawing(chart(bare)).lines.map(({ look }) => look)).toEqual(['plain']);
  });

  it('goes twice through the hues, the second time dashed', () => {
    const many = Array.from({ length: 7 }, (_, at) => curve(`Run ${at}`, { smoothed: [3, 2, 1] }));
    const { lines } = drawing(chart(...many));
    expect(lines.map(({ hue, dashed }) => [hue, dashed]).at(-1)).toEqual([0, true]);
    expect(lines.map(({ hue }) => hue).slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('needs a new chart only for other lines', () => {
    const before = shapeOf(drawing(chart(curve('Training'))));
    expect(shapeOf(drawing(chart(curve('Training', { values: [9, 8, 7] }))))).toBe(before);
    expect(shapeOf(drawing(chart(curve('Training'), held)))).not.toBe(before);
  });

  it('knows when there is nothing to draw', () => {
    expect(isEmpty(chart())).toBe(true);
    expect(isEmpty(chart(curve('Training', { steps: [], values: [], smoothed: [] })))).toBe(true);
    expect(isEmpty(chart(held))).toBe(false);
  });
});

describe('the legend', () => {
  it.each([
    [null, ['1.75', '1.5']],
    [1, ['2.5', '2.25']],
    [0, ['3', '–']],
  ])('at %j', (at, values) =>
    expect(legend(drawing(chart(curve('Training'), held)), at).map(({ value }) => value)).toEqual(values),
  );
});

describe('the table', () => {
  it('holds what the chart holds', () => {
    expect(table(chart(curve('Training'), held))).toEqual({
      heads: ['Step', 'Training', 'Training, smoothed', 'Held-out'],
      rows: [
        ['1', '3', '3', ''],
        ['2', '2', '2.5', '2.25'],
        ['3', '1', '1.75', ''],
        ['4', '', '', '1.5'],
      ],
    });
  });
});

describe('a small line', () => {
  it.each([
    [[], ''],
    [[1], ''],
    [[2, 1, 0], '0.0,0.0 5.0,5.0 10.0,10.0'],
    [[1, 1], '0.0,10.0 10.0,10.0'],
    [[1, Number.NaN, 0], '0.0,0.0 10.0,10.0'],
  ])('%j', (values, points) => expect(sparkline(values, 10, 10)).toBe(points));
});
