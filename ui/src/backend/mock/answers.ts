// What the stand-in model says. Enough markdown to see that every block is drawn.

const markdown = `Here is a short tour of what I can format.

### Lists and emphasis

1. **Supervised fine-tuning** (SFT) shows the model good answers.
2. **Direct preference optimisation** (DPO) shows it *pairs* of answers and which one people preferred.
   - no reward model is needed
   - the reference model keeps it from drifting

| method | data | memory |
|---|---|---:|
| SFT | prompt and answer | 1.0 × |
| DPO | prompt, chosen, rejected | 1.4 × |

\`\`\`python
def loss(chosen, rejected, beta=0.1):
    """The further apart the two, the smaller the loss."""
    return -log_sigmoid(beta * (chosen - rejected))  # a number
\`\`\`

> A model is only as good as what it was shown.

Raw HTML stays text: <b>not bold</b>. Links only show where they lead: [the paper](https://arxiv.org/abs/2305.18290).`;

const canned: [RegExp, string][] = [
  [
    /^\s*(hello|hi|hey)\b/i,
    'Hello! I am the small model inside NeuralChat. I can greet you, do small sums and answer questions about this app. What would you like to know?',
  ],
  [/7 \+ 5/, '7 + 5 = 12.'],
  [
    /sft|dpo/i,
    'SFT teaches the model by showing it good answers. DPO teaches it by showing two answers and which of them is better.\n\n- **SFT** needs a prompt and an answer.\n- **DPO** needs a prompt, a chosen answer and a rejected one.',
  ],
  [
    /bigger model/i,
    'Open the **Models** page and choose *Open folder…* for a Hugging Face folder, or *Open file…* for a GGUF file. You can also drop it anywhere on this window.',
  ],
  [/markdown|table|format/i, markdown],
  [
    /long|essay|story/i,
    Array.from(
      { length: 40 },
      (_, n) =>
        `Paragraph ${n + 1}. The quick brown fox looked at the lazy dog and thought about tokens, one after another, until the context was nearly full.`,
    ).join('\n\n'),
  ],
];

const refusal =
  'I am a small demonstration model and do not know that. I can do small sums and answer questions about this app. For more, open a bigger model on the Models page.';

/** The stand-in's answer to a question. */
export function answerTo(question: string): string {
  return canned.find(([pattern]) => pattern.test(question))?.[1] ?? refusal;
}

/** The stand-in's continuation of a text. */
export const continuation =
  ' there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.\nLily\'s mom said, "Lily, let\'s go to the park." Lily was sad and did not know what to do.';

/** Cut as a tokenizer would, roughly: words with the space before them. */
export function pieces(text: string): string[] {
  return text.match(/\s*\S{1,6}|\s+$/g) ?? [];
}
