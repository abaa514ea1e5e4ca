// Markdown on the sample application's page, while it is being written.
import assert from "node:assert/strict";
import test from "node:test";

import { closed, htmlOf, settledLength } from "./page_modules.mjs";

const TEXTS = [
  "One.\n\nTwo **bold** and `code`.\n\nThree.",
  "# Head\n\n- a\n- b\n\n  more of b\n\n- c\n\nEnd.",
  "1. one\n\n2. two\n\n10. ten\n\nEnd.\n\nAfter.",
  "Code:\n\n```js\nlet a;\n\n\nlet b;\n```\n\nEnd.",
  "| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd\n---\nAfter\n\n> quote\nlazy\n\n***\nlast",
  "<div>\n\n<b>x</b>\n\ntext\n",
  "中文。\n\n- 一\n- 二\n\n**粗体**结束",
];

/** The HTML of a text that is written character by character, as the page shows it. */
function htmlWritten(text) {
  let settled = "";
  let rest = "";
  for (const character of text) {
    rest += character;
    const length = settledLength(rest);
    if (length > 0) settled += htmlOf(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return settled + htmlOf(rest);
}

for (const text of TEXTS) {
  test(`${JSON.stringify(text)} becomes the same, whole or by characters`, () => {
    assert.equal(htmlWritten(text), htmlOf(text));
  });
}

test("all but the last two blocks are settled", () => {
  assert.equal(settledLength("One.\n\nTwo.\n\nThree."), "One.\n\n".length);
  assert.equal(settledLength("One.\n\nTwo."), 0);
  assert.equal(settledLength(""), 0);
});

test("of a long answer only the last blocks are looked at again", () => {
  let rest = "";
  let longest = 0;
  for (let count = 0; count < 200; count += 1) {
    rest += "A paragraph of an answer.\n\n";
    longest = Math.max(longest, rest.length);
    rest = rest.slice(settledLength(rest));
  }
  assert.ok(longest < 100, `${longest}`);
});

for (const mark of [">", "> ", "- ", "+ ", "1. "]) {
  test(`${JSON.stringify(mark)}, 5,000 times in itself, stays within the stack and the page`, () => {
    const text = mark.repeat(5_000);
    assert.equal(settledLength(text), 0);
    assert.ok((htmlOf(text).match(/<(blockquote|ul|ol)/g) ?? []).length <= 10);
  });
}

test("a paragraph with more marks than anybody writes is shown as it is, in little time", () => {
  const text = "**a** ".repeat(600).trim();
  assert.equal(htmlOf(text), `<p>${text}</p>\n`);
  assert.equal(htmlOf("a <b>".repeat(600)), `<p>${"a &lt;b&gt;".repeat(600)}</p>\n`);
  const nested = "*a **b ".repeat(2_000) + " c** d*".repeat(2_000); // minutes without a bound
  assert.equal(htmlOf(nested), `<p>${nested}</p>\n`);
});

const HALF_WRITTEN = {
  "a **bold": "<p>a <strong>bold</strong></p>\n",
  "a *slanted": "<p>a <em>slanted</em></p>\n",
  "a `code": "<p>a <code>code</code></p>\n",
  "a [link](https://exam": "<p>a link</p>\n",
  "```js\nlet a": '<pre><code class="language-js">let a\n</code></pre>\n',
  "1 * 2": "<p>1 * 2</p>\n",
};

for (const [text, html] of Object.entries(HALF_WRITTEN)) {
  test(`half-written ${JSON.stringify(text)} looks as it will`, () => {
    assert.equal(htmlOf(closed(text)), html);
  });
}

const CHINESE = {
  "**注意：**这是": "<p><strong>注意：</strong>这是</p>\n",
  "这是**「粗体」**吗": "<p>这是<strong>「粗体」</strong>吗</p>\n",
  "这是**粗体**吗": "<p>这是<strong>粗体</strong>吗</p>\n",
  "`**注：**`这": "<p><code>**注：**</code>这</p>\n",
  "**`码`：**好": "<p><strong><code>码</code>：</strong>好</p>\n",
  "a ** b：** c": "<p>a ** b：** c</p>\n",
};

for (const [text, html] of Object.entries(CHINESE)) {
  test(`${text} is as strong beside a Chinese mark`, () => assert.equal(htmlOf(text), html));
}

test("HTML is shown as text", () => {
  assert.equal(htmlOf("a <b onclick=x>b</b>"), "<p>a &#60;b onclick=x&#62;b&#60;/b&#62;</p>\n");
  assert.equal(htmlOf("<script>x</script>"), "<p>&#60;script&#62;x&#60;/script&#62;</p>");
});

test("a picture is a link, which loads nothing", () => {
  assert.equal(htmlOf("![a cat](http://x/?q)"), '<p><a href="http://x/?q">a cat</a></p>\n');
});
