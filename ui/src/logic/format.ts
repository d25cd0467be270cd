// Numbers and times for people. Figures are tabular in the style sheet; here they only get their words.

const thin = '\u202f';

/** 12 345 (a narrow space between thousands). */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, thin);
}

/** 3.4 GB; powers of ten, as disks are sold. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

/** 1.1 B weights, 260 K weights. */
export function parameters(value: number): string {
  if (value < 1000) return `${value}`;
  const units = ['K', 'M', 'B', 'T'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

/** 420 ms, 3.2 s, 2 min 5 s, 1 h 4 min. */
export function duration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  const minutes = Math.round(whole / 60);
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** "about 12 s left"; nothing while it cannot be told. */
export function left(seconds: number | null): string {
  if (seconds === null) return '';
  if (seconds < 1) return 'less than 1 s left';
  const whole = Math.ceil(seconds);
  return `about ${whole < 60 ? `${whole} s` : duration(whole * 1000)} left`;
}

/** 42.5 tokens/s; the last digit that means something. */
export function speed(tokensPerSecond: number): string {
  const digits = tokensPerSecond < 9.95 ? tokensPerSecond.toFixed(1) : count(tokensPerSecond);
  return `${digits} tokens/s`;
}

/** Share of a whole in percent, 0 to 100; 0 for nothing of nothing. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, Math.round((part / whole) * 100))) : 0;
}

/** Largest logit difference: 0, 2.3e-7, 0.012. */
export function difference(value: number): string {
  if (value === 0) return '0';
  return value < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}

/** "1 message", "6 messages". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const day = 24 * 60 * 60 * 1000;

function midnight(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** The heading a chat stands under in the sidebar. */
export function age(at: string, now: Date): 'Today' | 'Yesterday' | 'Last 7 days' | 'Older' {
  // Rounded, because a day is an hour shorter or longer when the clocks change.
  const days = Math.round((midnight(now) - midnight(new Date(at))) / day);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days <= 7 ? 'Last 7 days' : 'Older';
}

/** A moment for people: the time today, the date before. */
export function moment(at: string, now: Date): string {
  const when = new Date(at);
  if (age(at, now) === 'Today') return when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const year = when.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return when.toLocaleDateString([], { day: 'numeric', month: 'short', year });
}
