// Markdown of a model, which nobody vouches for: raw HTML stays text, nothing is loaded, no link leads anywhere by itself.
import DOMPurify from 'dompurify';
import { Marked, type Tokens } from 'marked';

import { highlighted } from './highlight';

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function address(url: string, inner: string): string {
  return `<span class="link" role="button" tabindex="0" data-url="${escapeHtml(url)}">${inner}</span>`;
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
    link({ href, tokens }) {
      return address(href, this.parser.parseInline(tokens));
    },
    image: ({ href, text }) => address(href, escapeHtml(text ? `image: ${text}` : 'image')),
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    heading({ tokens, depth }) {
      // Below the chat's title, and never a level left out: a model's own levels mean little outside its answer.
      return `<h2 class="level-${depth}">${this.parser.parseInline(tokens)}</h2>`;
    },
    code({ text, lang }) {
      const language = (lang ?? '').trim().split(/\s/)[0] ?? '';
      const name = escapeHtml(language || 'text');
      return `<div class="code"><div class="code-head"><span>${name}</span><button type="button" class="quiet small" data-copy aria-label="Copy code">Copy</button></div><pre tabindex="0"><code>${highlighted(text, language)}</code></pre></div>`;
    },
    table({ header, rows, align }) {
      const cell = (tag: 'td' | 'th') => (from: Tokens.TableCell, column: number) =>
        `<${tag} class="${align[column] ?? 'left'}">${this.parser.parseInline(from.tokens)}</${tag}>`;
      const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('');
      return `<div class="table"><table><thead><tr>${header.map(cell('th')).join('')}</tr></thead><tbody>${body}</tbody></table></div>`;
    },
  },
});

const allowed = {
  ALLOWED_TAGS:
    'p br hr strong em del code pre span div button ul ol li blockquote h2 table thead tbody tr th td'.split(' '),
  ALLOWED_ATTR: ['class', 'role', 'tabindex', 'type', 'start', 'data-url', 'data-copy', 'aria-label'],
  ALLOW_DATA_ATTR: false,
};

/** One block of markdown as safe HTML. */
export function render(block: string): string {
  return DOMPurify.sanitize(marked.parse(block, { async: false }), allowed);
}

/** A text and the markdown blocks it is made of. */
export interface Split {
  text: string;
  blocks: string[];
}

/**
 * Cuts a text into blocks. While it streams, only its end is read again: every block but the last two is as it was
 * (two, since a list or a quotation may take a new line into the block before).
 */
export function split(raw: string, before: Split = { text: '', blocks: [] }): Split {
  const text = raw.replace(/\r\n?/g, '\n');
  const kept = text.startsWith(before.text) ? before.blocks.slice(0, -2) : [];
  const from = kept.reduce((sum, block) => sum + block.length, 0);
  const rest = text.slice(from);
  const blocks = marked.lexer(rest).map(({ raw }) => raw);
  // Where its blocks do not add up to the text, all of it is one block.
  const whole = blocks.join('') === rest ? blocks : rest === '' ? [] : [rest];
  return { text, blocks: [...kept, ...whole] };
}
