// How a drawing becomes the options of the chart library.
import type uPlot from 'uplot';

import type { Drawing, Line } from '../logic/chart';
import { figure } from '../logic/runfigures';

export interface Inks {
  hue: (hue: number) => string;
  axis: string;
  grid: string;
}

export interface Plotting {
  unit: string;
  logarithmic: boolean;
  inks: Inks;
  width: number;
  height: number;
  moved: (at: number | null) => void;
}

const font = '11px system-ui, sans-serif';
/** Steps are whole numbers. */
const wholeSteps = [
  1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 50_000, 100_000,
];

function seriesOf({ name, look, dashed, hue, values }: Line, inks: Inks): uPlot.Series {
  const stroke = inks.hue(hue);
  const single = values.filter((value) => value !== null).length < 2;
  const common: uPlot.Series = { label: name, stroke, spanGaps: true };
  if (look === 'faint') return { ...common, width: 1, alpha: 0.35, points: { show: false } };
  if (look === 'dots') return { ...common, width: 1.5, points: { show: true, size: 7, fill: stroke, width: 0 } };
  return { ...common, width: 2, dash: dashed ? [6, 4] : undefined, points: { show: single, size: 6 } };
}

/** Powers of two where the values lie close together, of ten where they do not. */
function logBase({ lines }: Drawing): 2 | 10 {
  const known = lines.flatMap(({ values }) => values).filter((value) => value !== null && value > 0) as number[];
  let low = Infinity;
  let high = 0;
  for (const value of known) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high / low > 100 ? 10 : 2;
}

export function plotOptions(drawing: Drawing, plotting: Plotting): uPlot.Options {
  const { unit, logarithmic, inks, width, height, moved } = plotting;
  const axis: uPlot.Axis = {
    stroke: inks.axis,
    font,
    labelFont: font,
    labelSize: 18,
    grid: { stroke: inks.grid, width: 1 },
    ticks: { stroke: inks.grid, width: 1, size: 4 },
  };
  return {
    width,
    height,
    padding: [8, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 }, sync: { key: 'runs' } },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3, log: logBase(drawing) } : {} },
    axes: [
      { ...axis, label: 'step', size: 28, incrs: wholeSteps, values: (_, splits) => splits.map(String) },
      {
        ...axis,
        label: unit,
        space: 26,
        // As wide as its longest number.
        size: (_, values) => 14 + 6.5 * Math.max(2, ...(values ?? []).map((value) => value?.length ?? 0)),
        values: (_, splits) => splits.map((value: number | null) => (value === null ? '' : figure(value))),
      },
    ],
    series: [{}, ...drawing.lines.map((line) => seriesOf(line, inks))],
    hooks: { setCursor: [({ cursor }) => moved(cursor.idx ?? null)] },
  };
}

/**
 * The library, when the first chart is shown. It makes numbers for the browser's language as soon as it is loaded, and WebKitGTK
 * calls the language of a system without one "C", which no language is.
 */
export async function loadPlot(): Promise<typeof uPlot> {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
  }
  return (await import('uplot')).default;
}
