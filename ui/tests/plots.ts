// A chart library that draws nothing and remembers what it was given.
import type uPlot from 'uplot';

export interface Plot {
  options: uPlot.Options;
  data: uPlot.AlignedData;
  sets: number;
  gone: boolean;
}

export const plots: Plot[] = [];

export default class Recorder implements Plot {
  sets = 0;
  gone = false;
  width: number;

  constructor(
    readonly options: uPlot.Options,
    public data: uPlot.AlignedData,
  ) {
    this.width = options.width;
    plots.push(this);
  }

  setData(data: uPlot.AlignedData): void {
    this.data = data;
    this.sets += 1;
  }

  setSize({ width }: { width: number }): void {
    this.width = width;
  }

  destroy(): void {
    this.gone = true;
  }
}
