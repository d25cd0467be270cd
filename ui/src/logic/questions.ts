import type { LoadedModel } from '../backend';

const starter = ['Hello! What can you do?', 'What is 7 + 5?', 'What is a dataset?', 'How do I open a bigger model?'];

const general = [
  'Hello! What can you do?',
  'Explain how a language model predicts the next word.',
  'Write a short poem about the sea.',
  'What is 17 + 25?',
];

/** Questions to begin with that this model can answer. */
export function questions(model: Pick<LoadedModel, 'starter'> | null): string[] {
  return model === null ? [] : model.starter ? starter : general;
}
