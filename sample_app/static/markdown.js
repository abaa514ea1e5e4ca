/** Markdown as HTML, also while it is still being written. No page. */

import { Lexer, Marked } from "./vendor/marked/marked.esm.js";
import remend from "./vendor/remend/index.js";

const UNCLOSED = { linkMode: "text-only", images: false, katex: false, htmlTags: false };

/**
 * Strong words that begin or end with a Chinese mark: `**注意：**这是`. CommonMark looks for a blank
 * beside the mark, and Chinese has none.
 */
const MARK = "[\u3001-\u303f\uff01-\uff65“”‘’…—]";
const CHINESE_STRONG = new RegExp(`^\\*\\*(${MARK}[^*\\n]*|[^\\s*][^*\\n]*${MARK})\\*\\*`);
const chineseStrong = {
  name: "chineseStrong",
  level: "inline",
  start: (text) => text.indexOf("**"),
  tokenizer(text) {
    const [raw, inner] = CHINESE_STRONG.exec(text) ?? [];
    return raw && { type: "strong", raw, text: inner, tokens: this.lexer.inlineTokens(inner) };
  },
};

const MOST_CHARACTERS = 10_000;
const MOST_MARKS = 500;
const DEEPEST = 10;

/**
 * Shows as it is what would take long, or more than the stack: a hostile model can nest without end.
 * The bounds are for the text of one paragraph, and for blocks in each other.
 */
class BoundedLexer extends Lexer {
  #depth = 0;

  blockTokens(text, tokens = [], isQuoted = false) {
    this.#depth += 1;
    if (this.#depth > DEEPEST) tokens.push(plain(text));
    else super.blockTokens(text, tokens, isQuoted);
    this.#depth -= 1;
    return tokens;
  }

  inlineTokens(text, tokens = []) {
    const isShort = text.length <= MOST_CHARACTERS && text.split(MARKS).length <= MOST_MARKS;
    if (isShort) return super.inlineTokens(text, tokens);
    tokens.push(plain(text));
    return tokens;
  }
}

const MARKS = /[*_~`<&[\]\\]+/;

function plain(text) {
  return { type: "text", raw: text, text, escaped: false };
}

const marked = new Marked({
  extensions: [chineseStrong],
  hooks: { provideLexer: () => (text, options) => new BoundedLexer(options).lex(text) },
  gfm: true,
  breaks: true,
  renderer: {
    // A model that writes HTML writes about it.
    html: ({ text, block }) => (block ? `<p>${escaped(text)}</p>` : escaped(text)),
    // A picture would be loaded from elsewhere, with all that its address tells.
    image({ href, text }) {
      return `<a href="${escaped(href)}">${escaped(text || href)}</a>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** @param {string} markdown @returns {string} HTML that is yet to be made safe */
export function htmlOf(markdown) {
  return marked.parse(markdown);
}

/** The text with an end for all that is begun in it: `a **b` becomes `a **b**`. */
export function closed(markdown) {
  return remend(markdown, UNCLOSED);
}

/**
 * How many characters at the beginning of a Markdown text are blocks that no later text can change:
 * all but the last two blocks. A list that was left by a line may still go on behind the next.
 *
 * @param {string} markdown
 */
export function settledLength(markdown) {
  const blocks = new BoundedLexer(marked.defaults).blockTokens(markdown);
  let live = 2;
  while (blocks.length > 0 && live > 0) if (blocks.pop().type !== "space") live -= 1;
  return blocks.reduce((length, { raw }) => length + raw.length, 0);
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
