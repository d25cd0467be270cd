// A little colour for code: comments, strings, numbers and the words most languages share. Not a parser.

const keywords = new Set(
  (
    'abstract and as assert async await break case catch class const continue def default del do elif else enum export extends ' +
    'false finally fn for from func function if impl implements import in interface is lambda let loop match mod mut new nil none not ' +
    'null or pass private protected public pub raise return self static struct super switch this throw trait true try type use ' +
    'undefined unsafe var void where while with yield False None True select insert update delete create table join group order by'
  ).split(' '),
);

const hashed = new Set([
  'python',
  'py',
  'sh',
  'bash',
  'shell',
  'zsh',
  'ruby',
  'rb',
  'yaml',
  'yml',
  'toml',
  'r',
  'perl',
  'make',
  'makefile',
  'dockerfile',
  'ini',
]);
const dashed = new Set(['sql', 'lua', 'haskell', 'hs']);
const plain = new Set([
  '',
  'text',
  'txt',
  'plain',
  'output',
  'console',
  'markdown',
  'md',
  'diff',
  'html',
  'xml',
  'svg',
  'css',
]);

const escape = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function pattern(language: string): RegExp {
  const comment = hashed.has(language)
    ? '#[^\\n]*'
    : dashed.has(language)
      ? '--[^\\n]*'
      : '\\/\\/[^\\n]*|\\/\\*[\\s\\S]*?(?:\\*\\/|$)';
  const text = '"""[\\s\\S]*?(?:"""|$)|"(?:\\\\.|[^"\\\\\\n])*"|\'(?:\\\\.|[^\'\\\\\\n])*\'|`(?:\\\\.|[^`\\\\])*`';
  const number = '\\b\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?\\b';
  return new RegExp(`(${comment})|(${text})|(${number})|([A-Za-z_]\\w*)`, 'g');
}

/** Code as HTML with marks; every character of it stays what it was. */
export function highlighted(code: string, named: string): string {
  const language = named.toLowerCase();
  if (plain.has(language) || code.length > 50_000) return escape(code);
  let html = '';
  let done = 0;
  for (const found of code.matchAll(pattern(language))) {
    const [text, comment, string, number, word] = found;
    const kind = comment ? 'c' : string ? 's' : number ? 'n' : word && keywords.has(word) ? 'k' : null;
    html += escape(code.slice(done, found.index));
    html += kind ? `<span class="hl-${kind}">${escape(text)}</span>` : escape(text);
    done = found.index + text.length;
  }
  return html + escape(code.slice(done));
}
