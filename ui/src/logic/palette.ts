// What Ctrl+K finds.

export interface Entry {
  id: string;
  label: string;
  /** Other words that find it. */
  words?: string;
  hint?: string;
}

/** How well a query fits: every word must begin a word of the entry, or stand somewhere in it. Higher is better; 0 is no fit. */
export function fit(query: string, { label, words = '' }: Pick<Entry, 'label' | 'words'>): number {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return 1;
  const shown = label.toLowerCase();
  const all = `${shown} ${words.toLowerCase()}`;
  let score = 0;
  for (const word of wanted) {
    const begins = new RegExp(`(^|[^\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'u');
    if (shown.startsWith(word)) score += 8;
    else if (begins.test(shown)) score += 5;
    else if (begins.test(all)) score += 3;
    else if (all.includes(word)) score += 1;
    else return 0;
  }
  return shown === query.trim().toLowerCase() ? score + 100 : score;
}

/** Groups of entries that fit; the group with the best of all comes first, equals keep their order. */
export function ranked<T extends Entry, G extends { entries: T[] }>(groups: G[], query: string): G[] {
  const best = ({ entries }: G) => Math.max(0, ...entries.map((entry) => fit(query, entry)));
  return groups.filter(({ entries }) => entries.length > 0).sort((a, b) => best(b) - best(a));
}

/** The entries that fit, best first; equals keep their order. */
export function filter<T extends Entry>(entries: T[], query: string): T[] {
  return entries
    .map((entry) => ({ entry, score: fit(query, entry) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ entry }) => entry);
}
