// The first batch's tokens as a person can see them, and samples in the order they are read.
import type { BatchRow, SampleAnswer } from '../backend';

/** A token's text with spaces and line breaks that can be seen. */
export function visible(text: string): string {
  return text.replace(/ /g, '·').replace(/\t/g, '→').replace(/\r/g, '␍').replace(/\n/g, '↵');
}

/** A line ends after this token. */
export function breaksLine(text: string): boolean {
  return text.includes('\n');
}

export interface BatchShare {
  trained: number;
  shown: number;
}

/** How many of the tokens shown are trained. */
export function shareTrained(rows: BatchRow[]): BatchShare {
  const tokens = rows.flatMap((row) => row.tokens);
  return { trained: tokens.filter(({ trained }) => trained).length, shown: tokens.length };
}

export interface Stretch {
  trained: boolean;
  tokens: { text: string; breaks: boolean }[];
}

/** Neighbouring tokens of the same kind together, so that a screen reader hears where training begins and ends. */
export function stretches({ tokens }: BatchRow): Stretch[] {
  const found: Stretch[] = [];
  for (const { text, trained } of tokens) {
    let last = found.at(-1);
    if (last?.trained !== trained) found.push((last = { trained, tokens: [] }));
    last.tokens.push({ text: visible(text), breaks: breaksLine(text) });
  }
  return found;
}

export interface PromptSamples {
  prompt: string;
  /** The newest first. */
  answers: { step: number; answer: string }[];
}

/** Answers by prompt, in the order the prompts first came. */
export function byPrompt(samples: SampleAnswer[]): PromptSamples[] {
  const found = new Map<string, PromptSamples>();
  for (const { prompt, step, answer } of samples) {
    const known = found.get(prompt) ?? { prompt, answers: [] };
    known.answers.push({ step, answer });
    found.set(prompt, known);
  }
  for (const { answers } of found.values()) answers.sort((a, b) => b.step - a.step);
  return [...found.values()];
}
