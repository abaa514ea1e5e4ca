/** The typewriter under a clock that the test turns. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Typewriter, randomFrom } from "./support.mjs";

const FRAME = 16;

/** A typewriter, what it wrote piece by piece, and the hand on its clock. */
function desk({ write, ...options } = {}) {
  const pieces = [];
  const frames = [];
  let time = 1000;
  performance.now = () => time;
  globalThis.requestAnimationFrame = (frame) => frames.push(frame);
  const typewriter = new Typewriter(write ?? ((text) => pieces.push(text)), {
    atOnce: () => false,
    ...options,
  });
  function pass(milliseconds) {
    for (const stop = time + milliseconds; time < stop;) {
      time += FRAME;
      for (const frame of frames.splice(0)) frame();
    }
  }
  return { typewriter, pieces, frames, pass, shown: () => pieces.join("") };
}

async function settled(promise) {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test("the first character after a silence is there in the next frame", () => {
  const { typewriter, pass, shown } = desk();
  for (const digit of "012") {
    typewriter.push(digit);
    pass(FRAME);
    assert.equal(shown().at(-1), digit);
    pass(400);
  }
});

test("text grows piece by piece and in order", () => {
  const { typewriter, pieces, pass, shown } = desk();
  typewriter.push("The quick brown fox jumps over the lazy dog.");
  pass(400);
  assert.equal(shown(), "The quick brown fox jumps over the lazy dog.");
  assert.ok(pieces.length > 5, `${pieces.length} pieces`);
});

test("half of a burst is shown within a third of the greatest lag", () => {
  const { typewriter, pass, shown } = desk({ maxLag: 300 });
  typewriter.push("x".repeat(1000));
  pass(100);
  assert.ok(shown().length > 500, String(shown().length));
});

test("the last few characters do not wait until they are due", () => {
  const { typewriter, pieces, pass } = desk({ maxLag: 300 });
  typewriter.push("abc");
  pass(250);
  assert.deepEqual(pieces, ["a", "b", "c"]);
});

test("the more waits, the faster it types", () => {
  const afterOneFrame = (length) => {
    const { typewriter, pass, shown } = desk();
    typewriter.push("x".repeat(length));
    pass(FRAME);
    return shown().length;
  };
  assert.ok(afterOneFrame(10_000) > 20 * afterOneFrame(100));
});

for (const tokensASecond of [1, 30, 200, 5000]) {
  test(`at ${tokensASecond} tokens a second nothing waits longer than the greatest lag`, () => {
    const { typewriter, pass, shown } = desk({ maxLag: 300 });
    let pushed = 0;
    const sentAt = [0];
    for (let time = 0; time < 3000; time += FRAME) {
      sentAt.push(pushed);
      const due = Math.floor((time * tokensASecond) / 1000) + 1;
      for (; pushed < due * 4; pushed += 4) typewriter.push("word");
      pass(FRAME);
      const old = sentAt[Math.max(0, sentAt.length - Math.ceil(300 / FRAME) - 1)];
      assert.ok(shown().length >= old, `${shown().length} of ${old} at ${time} ms`);
    }
  });
}

test("a steady stream is typed evenly, not in its lumps", () => {
  const { typewriter, pieces, pass } = desk();
  for (let lump = 0; lump < 20; lump += 1) {
    typewriter.push("x".repeat(40));
    pass(10 * FRAME);
  }
  assert.ok(Math.max(...pieces.map((piece) => piece.length)) < 20);
});

test("grapheme clusters are written whole", () => {
  const family = "👩‍👩‍👧‍👦";
  const { typewriter, pieces, pass } = desk();
  typewriter.push(`${family}e\u0301🇨🇳👍🏽`.repeat(10) + ".");
  pass(400);
  for (const piece of pieces) assert.match(piece, /^(👩‍👩‍👧‍👦|e\u0301|🇨🇳|👍🏽|\.)+$/u);
});

test("a character that two tokens share waits for its second half", () => {
  const { typewriter, pieces, pass } = desk();
  typewriter.push("\ud83d");
  pass(100);
  typewriter.push("\ude80!");
  pass(400);
  assert.equal(pieces[0].codePointAt(0), 0x1f680);
});

for (const atOnce of [false, true]) {
  test(`half a character is never shown while its other half may come: at once ${atOnce}`, () => {
    const { typewriter, pieces, pass, frames } = desk({ atOnce: () => atOnce });
    typewriter.push("a\ud83d");
    pass(10_000);
    assert.deepEqual([pieces, frames.length], [["a"], 0]);
    typewriter.push("\ude80");
    typewriter.push(".");
    pass(400);
    assert.equal(pieces.join(""), "a🚀.");
    for (const piece of pieces) assert.doesNotMatch(piece, /[\ud800-\udfff]/u);
  });
}

test("half a character that nothing completes is shown at the end", async () => {
  const { typewriter, pass, shown } = desk();
  typewriter.push("a\ud83d");
  const finished = typewriter.finish();
  pass(400);
  await finished;
  assert.equal(shown(), "a\ud83d");
});

test("text that is cut anywhere is shown in whole characters", () => {
  const text = "👩‍👩‍👧‍👦 e\u0301 🇨🇳🇪🇺 👍🏽 한국 नमस्ते 𝒜𝒷";
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = randomFrom(seed);
    const { typewriter, pieces, pass } = desk({ atOnce: () => seed % 4 === 0 });
    for (let at = 0, size; at < text.length; at += size) {
      size = 1 + random(3);
      typewriter.push(text.slice(at, at + size));
      pass(random(100));
    }
    typewriter.finish();
    pass(1000);
    assert.equal(pieces.join(""), text);
    for (const piece of pieces) assert.doesNotMatch(piece, /[\ud800-\udfff]/u, `seed ${seed}`);
  }
});

test("a function that throws stops neither the text nor its end", async () => {
  const shown = [];
  const write = (text) => {
    shown.push(text);
    if (shown.length === 1) throw new Error("a page's own mistake");
  };
  const { typewriter, pass } = desk({ write });
  typewriter.push("abc");
  const finished = typewriter.finish();
  assert.throws(() => pass(FRAME), /own mistake/);
  pass(400);
  await finished;
  assert.equal(shown.join(""), "abc");
});

test("finish resolves when all is shown, and not before", async () => {
  const { typewriter, pass, shown } = desk();
  typewriter.push("The end 🚀");
  const finished = typewriter.finish();
  pass(2 * FRAME);
  assert.equal(await settled(finished), false);
  pass(400);
  assert.equal(shown(), "The end 🚀");
  assert.equal(await settled(finished), true);
});

test("finish resolves at once where nothing waits", async () => {
  await desk().typewriter.finish();
});

test("finish resolves for each who asked", async () => {
  const { typewriter, pass } = desk();
  typewriter.push("x");
  const both = Promise.all([typewriter.finish(), typewriter.finish()]);
  pass(400);
  await both;
});

test("flush shows all that waits now", async () => {
  const { typewriter, shown, pass } = desk();
  typewriter.push("a long answer that was stopped 👩");
  const finished = typewriter.finish();
  typewriter.flush();
  assert.equal(shown(), "a long answer that was stopped 👩");
  await finished;
  pass(400);
  assert.equal(shown(), "a long answer that was stopped 👩");
});

test("who prefers no motion gets the text as it comes, and no frame is asked for", () => {
  const { typewriter, pieces, frames } = desk({ atOnce: () => true });
  typewriter.push("Once ");
  typewriter.push("upon 🚀");
  assert.deepEqual(pieces, ["Once ", "upon 🚀"]);
  assert.equal(frames.length, 0);
});

test("going still in the middle shows what waits with the next text", () => {
  let still = false;
  const { typewriter, shown } = desk({ atOnce: () => still });
  typewriter.push("Once upon ");
  still = true;
  typewriter.push("a time");
  assert.equal(shown(), "Once upon a time");
});

test("an idle typewriter asks for no frames", () => {
  const { typewriter, frames, pass } = desk();
  typewriter.push("x");
  pass(400);
  assert.equal(frames.length, 0);
});
