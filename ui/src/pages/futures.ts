/** What a page that does not exist yet will be for. */
export interface Future {
  title: string;
  purpose: string;
  will: string[];
  meanwhile: string;
}

export const futures: Record<'data' | 'evaluate' | 'export', Future> = {
  data: {
    title: 'Data',
    purpose: 'Datasets that a model learns from: brought in, looked at, put in order.',
    will: [
      'Bring in JSONL, JSON, CSV, TSV, Parquet or text, with bad rows listed and none dropped in silence',
      'Search, filter, edit and undo in a table of a million rows',
      'Find duplicates, empty answers, leaks and personal data',
      'Choose the better of two answers to make preference pairs',
    ],
    meanwhile: 'Until then, chats can be exported as JSON from the menu of a chat.',
  },
  evaluate: {
    title: 'Evaluate',
    purpose: 'Find out whether one model is better than another, and by how much.',
    will: [
      'ARC, HellaSwag, MMLU, TruthfulQA, WinoGrande, GSM8K and perplexity',
      'Models side by side, with confidence intervals',
      'Your own question sets, and a blind comparison in chat',
    ],
    meanwhile: 'Until then, “Check this model” on the Models page shows whether a model is computed as it should be.',
  },
  export: {
    title: 'Export',
    purpose: 'Write a model to a file that other programs open, smaller if you like.',
    will: [
      'Hugging Face safetensors, GGUF, and INT4 in several algorithms',
      'Size and expected quality before, measured quality after',
      'A proof that the file answers as the model did',
    ],
    meanwhile: 'Until then, models are used where they lie; opening one never changes its files.',
  },
};
