import type { ModelInspection, ModelStanding, OpeningStage } from '../backend';
import { bytes, count, parameters } from './format';

export const stageWords: Record<OpeningStage, string> = {
  reading: 'reading its description',
  loading: 'reading weights into memory',
  checking: 'checking that its numbers are sound',
};

export const standingWords: Record<ModelStanding['state'], string> = {
  loaded: 'Loaded',
  on_disk: 'On disk',
  missing: 'Not where it was',
  failed: 'Could not be opened',
};

/** A model's figures in the order a person asks for them. */
export function facts(model: ModelInspection): [string, string][] {
  return [
    ['Kind', model.kind === 'chat' ? 'chat' : 'base (continues text)'],
    ['Architecture', model.architecture],
    ['Parameters', parameters(model.parameters)],
    ['Weights', model.weight_type],
    ['Context', `${count(model.context_tokens)} tokens`],
    ['Size', bytes(model.file_bytes)],
    ['Memory', bytes(model.memory_bytes)],
  ];
}

/** What Advanced and the details add. */
export function shape(model: ModelInspection): [string, string][] {
  return [
    ['Format', model.format],
    ['Layers', count(model.layers)],
    ['Width', count(model.hidden_size)],
    ['Attention heads', `${count(model.heads)}, ${count(model.kv_heads)} for keys and values`],
    ['Vocabulary', `${count(model.vocabulary)} tokens`],
    ['Tensors', count(model.tensors)],
  ];
}
