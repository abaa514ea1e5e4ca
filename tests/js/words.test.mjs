// The words of the sample application's page, in its three languages.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { WORDS, told, toldEnd } from "./page_modules.mjs";

const html = await readFile(new URL("../../sample_app/static/page.html", import.meta.url), "utf8");

/** The names of all words, those of the groups included. */
function names(words) {
  return Object.entries(words).flatMap(([name, value]) => {
    if (typeof value !== "object" || Array.isArray(value)) return [name];
    return Object.keys(value).map((inner) => `${name}.${inner}`);
  });
}

/** The codes of failures that the browser client has itself, by its own documentation. */
const client = await readFile(
  new URL("../../flask_llmstream/static/llmstream.js", import.meta.url),
  "utf8",
);
const [, documented] = /this module's: ([^.]*?)\n \* @property/s.exec(client) ?? [];
const CODES = Array.from(documented.matchAll(/`(\w+)`/g), ([, code]) => code);

// English has the server's own words for a failure.
const needed = (language) => names(WORDS[language]).filter((name) => !name.startsWith("failed."));

for (const language of Object.keys(WORDS)) {
  test(`${language} has all words`, () => {
    assert.deepEqual(needed(language), needed("en"));
    assert.equal(typeof WORDS[language].failed.lost, "string");
  });

  test(`${language} has the words that the page names`, () => {
    for (const [, name] of html.matchAll(/data-(?:text|label)="(\w+)"/g)) {
      assert.equal(typeof WORDS[language][name], "string", name);
    }
  });
}

test("both forms of Chinese have words for the same failures, those of the client among them", () => {
  const known = Object.keys(WORDS["zh-Hans"].failed);
  const withServersWords = ["http_error", "error"];
  assert.deepEqual(
    CODES.filter((code) => !known.includes(code)),
    withServersWords,
  );
  const elsewhere = ["lost", "context_length_exceeded"]; // the page's, and the demo's model's
  assert.deepEqual(
    known.filter((code) => !CODES.includes(code)),
    elsewhere,
  );
  assert.deepEqual(Object.keys(WORDS["zh-Hans"].failed), Object.keys(WORDS["zh-Hant"].failed));
});

test("an answer that is cut says where, if that is known", () => {
  assert.equal(toldEnd({ name: "ended", reason: "length", tokens: 200 }), "cut at 200 tokens");
  assert.equal(toldEnd({ name: "ended", reason: "length" }), "cut at the limit of tokens");
});

test("an end of the server's own is told in its word", () => {
  assert.equal(told({ name: "ended", reason: "paused" }), "Ended: paused");
});

test("a failure is told with its reference and the time to wait", () => {
  const state = { name: "failed", code: "full", reason: "No room.", retryAfter: 2, id: "a1" };
  assert.equal(told(state), "Failed: No room. Try again in 2 s. (Reference: a1)");
});

test("the progress of loading is told in percent", () => {
  assert.equal(told({ name: "loading", progress: 0.456 }), "Loading the model 45 %");
  assert.equal(told({ name: "loading", progress: null }), "Loading the model");
});
