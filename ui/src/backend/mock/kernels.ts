// What the stand-in machine measured of its kernels, and what it chooses as the core does.
import type { KernelChoice, KernelPath, KernelReport, KernelTrial, KernelWork, MachineInfo } from '../types';

function trial(path: KernelPath, prefill: number, decode: number, backward: number): KernelTrial {
  const rates = { prefill_gflop_per_s: prefill, decode_gb_per_s: decode, backward_gflop_per_s: backward };
  return { path, rates, fault: null };
}

const trials: KernelTrial[] = [
  trial('portable', 14.2, 7.1, 11.8),
  trial('avx2', 210.4, 30.9, 133),
  trial('avx512', 371, 38.8, 171.2),
  { path: 'amx', rates: null, fault: 'its product of many rows with bf16 weights is off by 96.0 % of a typical value' },
];

export function kernels(
  setting: KernelPath | null,
  variable: KernelPath | null,
): Pick<MachineInfo, 'kernels' | 'kernels_reason' | 'kernel_report'> {
  const sound = trials.some(({ path, rates }) => path === setting && rates !== null);
  const [path, reason, why]: [KernelPath, KernelChoice['reason'], string] = variable
    ? [variable, 'variable', 'asked for by NEURALCHAT_KERNELS']
    : setting && sound
      ? [setting, 'setting', 'asked for in Settings']
      : ['avx512', 'fastest', 'the fastest when measured here'];
  const works: KernelWork[] = ['prefill', 'decode', 'backward'];
  const report: KernelReport = {
    trials,
    choices: works.map((work) => ({ work, path, reason, why })),
    variable,
    setting,
    notice:
      variable || !setting || sound
        ? null
        : `The ${setting} kernels, which are set, cannot be used on this machine; kernels are chosen automatically.`,
  };
  return structuredClone({ kernels: path, kernels_reason: why, kernel_report: report });
}
