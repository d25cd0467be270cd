// A run's figures for people: what was foretold beside what came, losses, before and after.
import type { BeforeAfter, BeforeAfterRow, ComparisonRow, PlanAndOutcome, TimeBand } from '../backend';
import { bytes, count, duration } from './format';

/** A loss or another bare figure: four digits that mean something, 1.0e-5 where that is shorter. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.001 || size >= 1e6) return value.toExponential(1);
  if (size >= 1000) return count(value);
  return Number(value.toPrecision(4)).toString();
}

export interface PlanRow {
  id: 'time' | 'memory' | 'disk';
  name: string;
  planned: string;
  came: string;
  /** "12 % less", nothing where it cannot be told yet. */
  difference: string;
  /** It took clearly more than was said. */
  over: boolean;
}

/** "12 % less", "3 % more", "as planned"; the plan is the whole. */
export function differenceWords(planned: number, came: number): string {
  if (planned <= 0) return '';
  const share = Math.round(((came - planned) / planned) * 100);
  if (share === 0) return 'as planned';
  return `${Math.abs(share)} % ${share < 0 ? 'less' : 'more'}`;
}

const seconds = (value: number) => duration(value * 1000);

/** "50 to 80 s", "2.0 to 2.9 min", "1.5 to 2.1 h". */
export function bandWords({ low, high }: Pick<TimeBand, 'low' | 'high'>): string {
  if (high < 90) return `${Math.round(low)} to ${Math.round(high)} s`;
  const [unit, size] = high < 5400 ? (['min', 60] as const) : (['h', 3600] as const);
  return `${(low / size).toFixed(1)} to ${(high / size).toFixed(1)} ${unit}`;
}

/** Time, memory and disk: planned beside what came; before the end, beside what it is so far. */
export function planRows(plan: PlanAndOutcome, finished: boolean): PlanRow[] {
  const { planned_seconds: time, planned_memory_bytes: memory, planned_disk_bytes: disk } = plan;
  const band = time && `${seconds(time.expected)} (${bandWords(time)})`;
  const row = (
    own: Pick<PlanRow, 'id' | 'name'>,
    planned: number | null,
    came: number | null,
    write: (value: number) => string,
    said = planned === null ? null : write(planned),
  ): PlanRow => ({
    ...own,
    planned: said === null ? 'no plan' : `${said} planned`,
    came: came === null ? 'taken: told at the end' : `${write(came)} ${finished ? 'taken' : 'so far'}`,
    difference: finished && planned !== null && came !== null ? differenceWords(planned, came) : '',
    over: finished && planned !== null && came !== null && came > planned * 1.1,
  });
  return [
    row({ id: 'time', name: 'Time' }, time?.expected ?? null, plan.seconds, seconds, band),
    row({ id: 'memory', name: 'Memory' }, memory, plan.memory_bytes, bytes),
    row({ id: 'disk', name: 'Disk' }, disk, plan.disk_bytes, bytes),
  ];
}

/** "before 3 of 50, after 47 of 50"; nothing where no expected answer is known. */
export function scoreWords({ compared, right_before, right_after }: BeforeAfter): string | null {
  if (compared === 0) return null;
  return `before ${count(right_before)} of ${count(compared)}, after ${count(right_after)} of ${count(compared)}`;
}

/** Whether an answer is the expected one, word for word; none where nothing is expected. */
export function isRight({ expected }: BeforeAfterRow, answer: string): boolean | null {
  return expected === null ? null : answer.trim() === expected.trim();
}

/** The rows of a comparison that are shown. */
export function shownRows(rows: ComparisonRow[], differencesOnly: boolean): ComparisonRow[] {
  return differencesOnly ? rows.filter(({ same }) => !same) : rows;
}
