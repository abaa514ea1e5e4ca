// The language of the sample application's pages: the first of the visitor's that they have.
import assert from "node:assert/strict";
import test from "node:test";

import { language } from "../../sample_app/static/language.js";

const CHOSEN = {
  en: ["en", "en-GB", "de", "ja", "", "no tag at all"],
  "zh-Hans": ["zh", "zh-CN", "zh-SG", "zh-Hans", "zh-Hans-HK", "ZH-cn", "cmn"],
  "zh-Hant": ["zh-TW", "zh-HK", "zh-MO", "zh-Hant", "zh-Hant-CN"],
};

for (const [chosen, tags] of Object.entries(CHOSEN)) {
  for (const tag of tags) {
    test(`"${tag}" alone is read in ${chosen}`, () => assert.equal(language([tag]), chosen));
  }
}

test("the most wanted language comes first", () => {
  assert.equal(language(["en-US", "zh-CN"]), "en");
  assert.equal(language(["zh-TW", "zh-CN", "en"]), "zh-Hant");
});

test("a language that the pages do not have is passed over", () => {
  assert.equal(language(["de-CH", "C", "zh-HK", "en"]), "zh-Hant");
});

test("without any language it is English", () => assert.equal(language([]), "en"));
