// Models that the tests open, made from the starter: one that never ends by itself, and broken ones.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { repository, starter } from './places';

type Json = Record<string, unknown>;

function changeJson(file: string, change: (json: Json) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Json;
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

function copyOfStarter(home: string, name: string): string {
  const folder = join(home, name);
  cpSync(starter, folder, { recursive: true });
  return folder;
}

/** Sets rows of the embedding, which is also the output matrix, to zero. */
function zeroRows(file: string, rows: number[]): void {
  const bytes = readFileSync(file);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString('utf8')) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const embedding = header['model.embed_tokens.weight'];
  if (!embedding) throw new Error('the starter has no embedding of that name');
  const [from, to] = embedding.data_offsets;
  const rowBytes = (to - from) / (embedding.shape[0] ?? 1);
  for (const row of rows) {
    const at = 8 + headerBytes + from + row * rowBytes;
    bytes.fill(0, at, at + rowBytes);
  }
  writeFileSync(file, bytes);
}

/**
 * A model that, when it always takes the likeliest token, writes until the limit: its special tokens, the end among them,
 * have a logit of zero, and of the others one is always above that. What it writes makes no sense. With a chat template
 * it answers, without one it continues a text.
 */
export function endless(home: string, kind: 'chat' | 'base'): string {
  const folder = copyOfStarter(home, `endless-${kind}`);
  changeJson(join(folder, 'config.json'), (config) => (config.max_position_embeddings = 32_768));
  zeroRows(join(folder, 'model.safetensors'), [0, 1, 2]);
  if (kind === 'base') changeJson(join(folder, 'tokenizer_config.json'), (config) => delete config.chat_template);
  return folder;
}

/** A GGUF file that ends in the middle of its weights, as after a download that died. */
export function truncatedGguf(home: string): string {
  const whole = readFileSync(join(repository, 'tests/golden/tiny_llama/gguf/f32.gguf'));
  const file = join(home, 'half-downloaded.gguf');
  writeFileSync(file, whole.subarray(0, Math.floor(whole.length * 0.6)));
  return file;
}

export function withoutTokenizer(home: string): string {
  const folder = copyOfStarter(home, 'no-tokenizer');
  rmSync(join(folder, 'tokenizer.json'));
  rmSync(join(folder, 'tokenizer_config.json'));
  return folder;
}

/** A family that this program does not know. */
export function unknownFamily(home: string): string {
  const folder = join(home, 'other-family');
  mkdirSync(folder);
  cpSync(starter, folder, { recursive: true });
  changeJson(join(folder, 'config.json'), (config) => {
    config.model_type = 'no_such_family';
    config.architectures = ['NoSuchFamilyForCausalLM'];
  });
  return folder;
}
