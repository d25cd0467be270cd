// What Settings shows of the kernels: words only; what is measured and chosen is the core's.
import type { KernelPath, KernelReport, KernelWork } from '../backend';

/** What each kind of work is to a person. */
export const works: Record<KernelWork, string> = {
  prefill: 'Reading a prompt',
  decode: 'Writing an answer',
  backward: 'Training',
};

export interface KernelOption {
  /** Empty for automatic. */
  value: KernelPath | '';
  label: string;
}

/** What can be set: automatic, each path of this machine, and what is set although it is not here. */
export function options({ trials, setting }: KernelReport): KernelOption[] {
  const here = trials.map(({ path, fault }) => ({
    value: path,
    label: fault === null ? path : `${path} (failed its self-check)`,
  }));
  const absent = setting !== null && !trials.some(({ path }) => path === setting);
  return [
    { value: '', label: 'Automatic' },
    ...here,
    ...(absent ? [{ value: setting, label: `${setting} (not on this machine)` }] : []),
  ];
}

/** The figure that decided, with its unit; nothing where the path has none. */
export function figure({ trials }: KernelReport, work: KernelWork, path: KernelPath): string | null {
  const rates = trials.find((trial) => trial.path === path)?.rates;
  if (!rates) return null;
  if (work === 'decode') return `${rates.decode_gb_per_s.toFixed(1)} GB/s`;
  const rate = work === 'prefill' ? rates.prefill_gflop_per_s : rates.backward_gflop_per_s;
  return `${rate.toFixed(rate < 100 ? 1 : 0)} GFLOP/s`;
}
