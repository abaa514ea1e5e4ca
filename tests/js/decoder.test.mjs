/** The browser's decoder reads the streams that the Python decoder is tested on. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { EventStreamDecoder, randomFrom } from "./support.mjs";

const folder = new URL("../streams/parser/", import.meta.url);
const streams = readdirSync(folder)
  .filter((name) => name.endsWith(".sse"))
  .sort();

function decoded(pieces) {
  const decoder = new EventStreamDecoder();
  const events = pieces.flatMap((piece) => decoder.feed(piece));
  return { events, last_event_id: decoder.lastEventId, retry: decoder.retry };
}

function expected(name) {
  const twin = JSON.parse(readFileSync(new URL(name.replace(/sse$/, "json"), folder), "utf8"));
  delete twin.rule;
  return twin;
}

function cut(stream, places) {
  const ends = [...places.sort((a, b) => a - b), stream.length];
  return ends.map((end, index) => stream.subarray(index ? ends[index - 1] : 0, end));
}

test("the streams are there", () => assert.ok(streams.length > 50));

for (const name of streams) {
  describe(name, () => {
    const stream = new Uint8Array(readFileSync(new URL(name, folder)));
    const twin = expected(name);

    test("whole", () => assert.deepEqual(decoded([stream]), twin));

    test("byte by byte", () => {
      assert.deepEqual(decoded(Array.from(stream, (byte) => Uint8Array.of(byte))), twin);
    });

    test("cut in two, with nothing between", () => {
      const step = Math.ceil(stream.length / 500); // every place, but in the huge ones
      for (let place = 0; place <= stream.length; place += step || 1) {
        assert.deepEqual(decoded(cut(stream, [place, place])), twin, `cut at ${place}`);
      }
    });

    test("cut at random", () => {
      const random = randomFrom(stream.length);
      for (let round = 0; round < 50; round += 1) {
        const places = Array.from({ length: random(12) }, () => random(stream.length + 1));
        assert.deepEqual(decoded(cut(stream, [...places])), twin, `cut at ${places}`);
      }
    });
  });
}

const bytes = (text) => new TextEncoder().encode(text);
const one = { event: "message", data: "1", id: "" };

test("a block that ends with CR is told at once", () => {
  const decoder = new EventStreamDecoder();
  assert.deepEqual(decoder.feed(bytes("data: 1\r\n\r")), [one]);
  assert.deepEqual(decoder.feed(bytes("\n")), []);
});

for (const fits of ["data: 34567890", "data: 7\ndata: 5", ": a comment...", "foo: something"]) {
  test(`up to the bound a block is read: ${JSON.stringify(fits)}`, () => {
    const decoder = new EventStreamDecoder({ maxEventLength: 14 });
    assert.deepEqual(decoder.feed(bytes(`\uFEFF${fits}\n\ndata: 1\n\n`)).at(-1), one);
  });
}

const grownBlocks = [
  "data: 345678901",
  "data: 78\ndata: 5",
  ": a comment....",
  "data: 7\nid: 78901",
];
for (const grown of grownBlocks) {
  test(`past the bound it is refused, finished or not: ${JSON.stringify(grown)}`, () => {
    const refusal = { name: "StreamFailure", code: "too_large" };
    for (const ending of ["", "\n\n"]) {
      const decoder = new EventStreamDecoder({ maxEventLength: 14 });
      assert.throws(() => decoder.feed(bytes(grown + ending)), refusal);
    }
  });
}

test("heartbeats never add up to the bound", () => {
  const decoder = new EventStreamDecoder({ maxEventLength: 14 });
  decoder.feed(bytes("data: 1\n" + ": ping\n".repeat(1000)));
  assert.deepEqual(decoder.feed(bytes("\n")), [one]);
});

test("every event has the bound to itself", () => {
  const decoder = new EventStreamDecoder({ maxEventLength: 14 });
  assert.equal(decoder.feed(bytes("data: 12345678\n\n".repeat(100))).length, 100);
});
