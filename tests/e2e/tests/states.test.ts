import { ftruncateSync, mkdirSync, openSync, closeSync, renameSync, writeFileSync, writeSync, cpSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'vitest';

import { answered, loaded, openChat, openModel, send, setKnobs } from '../harness/chat';
import { endless } from '../harness/models';
import { Key } from '../harness/page';
import { record } from '../harness/pictures';
import { starter } from '../harness/places';
import { until } from '../harness/waiting';
import { windowTest } from '../harness/window_test';

const markdown = [
  '### A heading',
  'Some **bold** words, and <b>raw</b> <script>alert(1)</script> stays text. [A link](https://example.org/there).',
  '',
  '| method | memory |',
  '|---|---:|',
  '| SFT | 1.0 |',
  '',
  '```python',
  'print("hello")  # a comment',
  '```',
].join('\n');

windowTest('markdown is drawn, raw HTML stays text, links only tell', async ({ open }) => {
  const page = await open();
  await send(page, 'Hello!');
  await answered(page);
  // A model cannot be relied on to write all of this; an answer that was rewritten is drawn the same way.
  const { summary, messages } = await openChat(page);
  await page.ask('chat_edit', { chat_id: summary.id, message_id: messages.at(-1)?.id, content: markdown });
  await page.reload();
  await page.waitForText('message-content', '<b>raw</b> <script>alert(1)</script> stays text', { nth: -1 });
  const drawn = await page.driver.executeScript<string[]>(() =>
    [...document.querySelectorAll('.answer [data-testid="message-content"] *')].map(({ tagName }) =>
      tagName.toLowerCase(),
    ),
  );
  for (const tag of ['strong', 'table', 'pre', 'code']) expect(drawn).toContain(tag);
  for (const tag of ['b', 'script', 'a', 'img', 'iframe']) expect(drawn).not.toContain(tag);
  await record(page, 'chat-markdown');
  await page.driver.executeScript(() => document.querySelector<HTMLElement>('.answer [data-url]')?.focus());
  await page.press(Key.ENTER);
  await page.waitForText('link-dialog', 'https://example.org/there');
  await record(page, 'chat-link');
  await page.press(Key.ESCAPE);
  await page.gone('link-dialog');
});

windowTest('a context that fills up is told of before and after', async ({ open }) => {
  const page = await open();
  await setKnobs(page, { temperature: 0, max_new_tokens: 8 });
  for (const level of ['nearly', 'full']) {
    for (let turns = 0; turns < 30; turns += 1) {
      if (
        (await page.all('context-notice')).length > 0 &&
        (await page.attribute('context-notice', 'data-level')) === level
      )
        break;
      await page.paste('composer', 'Please remember what I said before, all of it. '.repeat(9));
      await page.press(Key.ENTER);
      await until('an end of the answer', async () => {
        const { messages, progress } = await openChat(page);
        return (
          progress === null && messages.at(-1)?.role === 'assistant' && messages.at(-1)?.standing.state !== 'writing'
        );
      });
      await page.gone('stop');
    }
    expect(await page.attribute('context-notice', 'data-level')).toBe(level);
    await record(page, `chat-context-${level}`);
  }
  await page.waitForText('context-notice', 'no longer seen');
});

windowTest('a model that was moved away is missed, and can be located', async ({ home, open }) => {
  const model = endless(home, 'chat');
  const page = await open();
  await openModel(page, model);
  await page.close();
  renameSync(model, `${model}-moved`);
  const again = await open();
  const box = await again.find('error-box');
  expect(await box.getAttribute('data-code')).toBe('model_not_found');
  await again.waitForText('error-remedy', 'Locate');
  await loaded(again, 'starter');
  await record(again, 'chat-model-gone');
  await again.click('nav-models');
  await again.find('model-locate');
  await record(again, 'models-missing');
  await again.click('nav-chat');
  await send(again, 'Hello!');
  expect((await answered(again)).length).toBeGreaterThan(2);
});

/** A model of zeros so large that reading it takes a while; on disk it takes no room. */
function large(home: string): string {
  const folder = join(home, 'large');
  mkdirSync(folder);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) cpSync(join(starter, file), join(folder, file));
  const [vocabulary, hidden, inner, layers, heads] = [1280, 1024, 4096, 16, 8];
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: vocabulary,
      hidden_size: hidden,
      intermediate_size: inner,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: heads,
      max_position_embeddings: 1024,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    }),
  );
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocabulary, hidden],
    'model.norm.weight': [hidden],
  };
  for (let layer = 0; layer < layers; layer += 1) {
    const name = `model.layers.${layer}`;
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) shapes[`${name}.${norm}.weight`] = [hidden];
    for (const part of ['q', 'k', 'v', 'o']) shapes[`${name}.self_attn.${part}_proj.weight`] = [hidden, hidden];
    for (const part of ['gate', 'up']) shapes[`${name}.mlp.${part}_proj.weight`] = [inner, hidden];
    shapes[`${name}.mlp.down_proj.weight`] = [hidden, inner];
  }
  let at = 0;
  const header = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const from = at;
      at += 2 * shape.reduce((product, size) => product * size, 1);
      return [name, { dtype: 'BF16', shape, data_offsets: [from, at] }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(file, Buffer.concat([length, text]));
  ftruncateSync(file, 8 + text.length + at);
  closeSync(file);
  return folder;
}

windowTest(
  'opening a large model can be followed and cancelled; the one before answers meanwhile',
  async ({ home, open }) => {
    const page = await open();
    await page.type('composer', 'What I typed');
    const path = large(home);
    await page.ask('model_open', { path });
    await page.waitForText('opening', 'large');
    expect(await page.text('model-loaded-name')).toMatch(/starter/i);
    await page.click('opening-cancel');
    await page.gone('opening');
    expect(await page.all('error-box'), 'a cancel is no failure').toEqual([]);
    await loaded(page, 'starter');
    expect(await page.attribute('composer', 'value')).toBe('What I typed');
    await page.ask('model_open', { path });
    await page.find('opening');
    await page.focus(await page.find('composer'));
    await page.press(Key.ENTER);
    expect((await answered(page)).length).toBeGreaterThan(2);
  },
);
