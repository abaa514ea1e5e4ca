// The gallery says everything in each of its languages.
import assert from "node:assert/strict";
import test from "node:test";

import { language } from "../../sample_app/static/language.js";
import { WORDS } from "../../sample_app/gallery/static/words.js";

const CHINESE = Object.keys(WORDS).filter((tag) => tag !== "en");

/** The shape of words: names, and which of them are functions. */
function shape(words) {
  return Object.fromEntries(
    Object.entries(words)
      .map(([name, word]) => [name, typeof word === "object" ? shape(word) : typeof word])
      .sort(),
  );
}

test("there are words for each language that can be chosen", () => {
  const chosen = ["en", "zh-CN", "zh-TW"].map((tag) => language([tag]));
  assert.deepEqual(Object.keys(WORDS), chosen);
});

for (const tag of CHINESE) {
  test(`${tag} has all words, and no others`, () => {
    assert.deepEqual(shape(WORDS[tag]), shape(WORDS.en));
  });

  test(`${tag} is Chinese throughout`, () => {
    const said = JSON.parse(JSON.stringify(WORDS[tag]), (_, word) =>
      typeof word === "string" ? /\p{Script=Han}/u.test(word) : word,
    );
    const english = JSON.stringify(said).match(/"\w+":false/g);
    assert.equal(english, null);
  });
}
