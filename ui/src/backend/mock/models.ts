import type { LoadedModel, ModelEntry, ModelInspection, Sampling } from '../types';

const template = `{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

export function inspection(path: string, change: Partial<ModelInspection> = {}): ModelInspection {
  return {
    path,
    name: path.split('/').at(-1) ?? path,
    format: 'Hugging Face folder',
    architecture: 'llama',
    kind: 'chat',
    parameters: 1_100_048_384,
    file_bytes: 2_200_119_864,
    memory_bytes: 2_900_000_000,
    weight_type: 'BF16',
    layers: 22,
    hidden_size: 2048,
    heads: 32,
    kv_heads: 4,
    vocabulary: 32_000,
    context_tokens: 2048,
    tensors: 201,
    chat_template: template,
    ...change,
  };
}

const starter = inspection('starter', {
  name: 'NeuralChat starter',
  format: 'built in',
  parameters: 1_970_000,
  file_bytes: 3_940_000,
  memory_bytes: 12_600_000,
  weight_type: 'F16',
  layers: 6,
  hidden_size: 160,
  heads: 8,
  kv_heads: 4,
  vocabulary: 2048,
  context_tokens: 1024,
  tensors: 57,
});

export function entry(from: ModelInspection, change: Partial<ModelEntry> = {}): ModelEntry {
  return {
    path: from.path,
    name: from.name,
    standing: { state: 'on_disk' },
    inspection: from,
    last_opened: '2026-01-09T08:30:00Z',
    ...change,
  };
}

/** How chats are sampled that set nothing of their own. */
export const sampling: Sampling = {
  temperature: 0.7,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repetition_penalty: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
  seed: null,
  max_new_tokens: 512,
  stop: [],
};

export function loaded(from: ModelInspection): LoadedModel {
  return {
    path: from.path,
    name: from.name,
    kind: from.kind,
    starter: from.path === 'starter',
    context_tokens: from.context_tokens,
    memory_bytes: from.memory_bytes,
    compute: `${from.weight_type.toLowerCase()} weights, avx2 kernels`,
    sampling: structuredClone(sampling),
  };
}

/** What lies on the stand-in's disk. */
export const onDisk: Record<string, ModelInspection> = {
  starter,
  '/home/ada/models/TinyLlama-1.1B-Chat': inspection('/home/ada/models/TinyLlama-1.1B-Chat'),
  '/home/ada/models/stories260k': inspection('/home/ada/models/stories260k', {
    kind: 'base',
    parameters: 259_968,
    file_bytes: 1_052_000,
    memory_bytes: 2_300_000,
    weight_type: 'F32',
    layers: 5,
    hidden_size: 64,
    heads: 8,
    vocabulary: 512,
    context_tokens: 512,
    tensors: 47,
    chat_template: null,
  }),
};

export const failedEntries: ModelEntry[] = [
  entry(
    inspection('/home/ada/models/mistral-7b-instruct.Q4_K_M.gguf', {
      format: 'GGUF',
      weight_type: 'Q4_K',
      parameters: 7_241_732_096,
      file_bytes: 4_368_438_976,
      memory_bytes: 5_100_000_000,
      context_tokens: 32_768,
    }),
    {
      standing: { state: 'missing' },
    },
  ),
  entry(inspection('/media/usb/qwen-damaged.gguf', { format: 'GGUF' }), {
    inspection: null,
    standing: {
      state: 'failed',
      error: {
        code: 'model_damaged',
        message: 'The file ends in the middle of the tensor `blk.11.ffn_up.weight`: 1.2 GB of 1.9 GB are there.',
        remedy: 'Copy or download the file again; the download was probably cut.',
      },
    },
  }),
  entry(inspection('/home/ada/models/mamba-130m'), {
    inspection: null,
    standing: {
      state: 'failed',
      error: {
        code: 'model_unsupported',
        message: 'The architecture `mamba` is not supported.',
        remedy: 'Choose a model of the Llama family.',
      },
    },
  }),
];
