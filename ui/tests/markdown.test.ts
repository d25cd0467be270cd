import { describe, expect, it } from 'vitest';

import { render, split, type Split } from '../src/logic/markdown';
import { highlighted } from '../src/logic/highlight';

function dom(markdown: string): HTMLElement {
  const element = document.createElement('div');
  element.innerHTML = render(markdown);
  return element;
}

describe('markdown of a model', () => {
  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'text <b onclick="alert(1)">bold</b>',
    '<iframe src="https://example.org"></iframe>',
    '<style>body{display:none}</style>',
  ])('shows raw HTML as text: %s', (html) => {
    const element = dom(html);
    expect(element.textContent?.trim()).toBe(html);
    expect(element.querySelector('script, img, iframe, style, b, [onclick], [onerror]')).toBeNull();
  });

  it('loads nothing and leads nowhere', () => {
    const element = dom(
      '[a](https://example.org/?q=1&r=2) ![b](https://example.org/x.png) [c](javascript:alert(1)) <https://example.net>',
    );
    expect(element.querySelector('a, img, [href], [src]')).toBeNull();
    // The script's address is gone altogether.
    const urls = [...element.querySelectorAll<HTMLElement>('[data-url]')].map(({ dataset }) => dataset.url);
    expect(urls).toEqual(['https://example.org/?q=1&r=2', 'https://example.org/x.png', 'https://example.net']);
  });

  it('keeps attributes of hostile languages and addresses inside their quotes', () => {
    const element = dom('```"><img/src=x>\ncode\n```\n\n[x](<https://e.org/"onmouseover="alert(1)>)');
    expect(element.querySelector('img')).toBeNull();
    expect(element.querySelector('[onmouseover]')).toBeNull();
  });

  it('gives code its language, its text and a copy button', () => {
    const code = dom('```python\nif a < b:\n    print("x")  # y\n```');
    expect(code.querySelector('.code-head span')?.textContent).toBe('python');
    expect(code.querySelector('code')?.textContent).toBe('if a < b:\n    print("x")  # y');
    expect(code.querySelector('button[data-copy]')).not.toBeNull();
  });

  it('draws lists, tables and headings below that of the page', () => {
    expect(dom('# One\n\n## Two').querySelectorAll('h2.level-1, h2.level-2')).toHaveLength(2);
    expect(dom('| a | b |\n|--|-:|\n| 1 | 2 |').querySelector('td.right')?.textContent).toBe('2');
    expect(dom('1. a\n   - b').querySelector('ol ul li')?.textContent?.trim()).toBe('b');
  });
});

describe('colour for code', () => {
  it.each([
    ['let a = "b<c>"; // d & e', 'rust'],
    ["x = 'it''s' # 1", 'python'],
    ['`a\n${b}` /* open', 'js'],
    ['<p class="x">', 'html'],
    ['', 'rust'],
  ])('changes no character of %j', (code, language) => {
    const element = document.createElement('code');
    element.innerHTML = highlighted(code, language);
    expect(element.textContent).toBe(code);
  });
});

describe('split', () => {
  const text =
    'First paragraph.\n\n- one\n- two\n\n- three\n\n```js\nlet a = 1;\n\nlet b;\n```\n\n| a |\n|---|\n| 1 |\n\n> quote\nlazy\n\nend\ttab\nlast';

  it('adds up to the text and to the same blocks, however it arrives', () => {
    const whole = split(text);
    expect(whole.blocks.join('')).toBe(text);
    for (const size of [1, 3, 7, 20]) {
      let streamed: Split = { text: '', blocks: [] };
      for (let end = size; end < text.length + size; end += size) {
        streamed = split(text.slice(0, end), streamed);
        expect(streamed.blocks.join('')).toBe(text.slice(0, end));
      }
      expect(streamed.blocks).toEqual(whole.blocks);
    }
  });

  it('keeps the blocks before the last two untouched', () => {
    const before = split('a\n\nb\n\nc\n\nd');
    const after = split('a\n\nb\n\nc\n\nd and more', before);
    expect(after.blocks.slice(0, -1)).toEqual(before.blocks.slice(0, -1));
    expect(after.blocks.at(-1)).toBe('d and more');
  });

  it('takes line ends of every kind', () => {
    expect(split('a\r\n\r\nb\rc').blocks).toEqual(['a', '\n\n', 'b\nc']);
  });

  it('starts over when the text is another one', () => {
    expect(split('new', split('old text')).blocks).toEqual(['new']);
  });
});
