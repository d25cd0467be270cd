// Which rows of a long list are drawn, and how much room the others take.

export interface Drawn {
  first: number;
  /** One past the last. */
  end: number;
  /** Room of the rows before and after, pixels. */
  before: number;
  after: number;
}

/** Up to this many rows are all drawn: find-in-page works and nothing is worth the trouble. */
export const allDrawn = 40;

/** The rows that touch the pixels from `top` to `bottom`; heights are measured or guessed. */
export function drawn(heights: number[], top: number, bottom: number): Drawn {
  if (heights.length <= allDrawn) return { first: 0, end: heights.length, before: 0, after: 0 };
  let first = 0;
  let before = 0;
  while (first < heights.length - 1 && before + (heights[first] ?? 0) < top) before += heights[first++] ?? 0;
  let end = first;
  let reached = before;
  while (end < heights.length && (reached < bottom || end === first)) reached += heights[end++] ?? 0;
  let after = 0;
  for (let row = end; row < heights.length; row += 1) after += heights[row] ?? 0;
  return { first, end, before, after };
}
