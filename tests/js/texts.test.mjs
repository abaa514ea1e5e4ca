/** The browser's decoder gives every hard text, in each way of writing it, cut at any byte. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { EventStreamDecoder } from "./support.mjs";

const folder = new URL("../streams/texts/", import.meta.url);
const names = readdirSync(folder).sort();

function dataOf(stream, places) {
  const decoder = new EventStreamDecoder();
  const ends = [...places, stream.length];
  return ends.flatMap((end, index) =>
    decoder.feed(stream.subarray(index ? ends[index - 1] : 0, end)).map(({ data }) => data),
  );
}

/** A text as UTF-8 holds it: half a character is U+FFFD. */
function asUtf8(text) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

test("the texts are there", () => assert.ok(names.length > 50));

for (const name of names) {
  test(name, () => {
    const { streams } = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
    for (const [writing, { stream, cuts, data, text }] of Object.entries(streams)) {
      const bytes = new TextEncoder().encode(stream);
      const everywhere = Array.from(bytes.keys());
      for (const places of [[], cuts, everywhere]) {
        assert.deepEqual(dataOf(bytes, places), data, `${writing}, cut at ${places}`);
      }
      const shown = writing.startsWith("json") ? data.map((each) => JSON.parse(each).text) : data;
      assert.equal(asUtf8(shown.join("")), text, writing);
    }
  });
}
