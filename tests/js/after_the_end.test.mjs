/** Nothing follows the end of an answer, wherever one of the page's functions ends it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, all, data, delta, postEvents } from "./support.mjs";

const KEPT = { "X-Stream-ID": "x".repeat(32) };
const CALL = { index: 0, id: "i", function: { name: "f", arguments: "{}" } };
const BLOCKS = [
  ": open\n\n",
  'event: loading\ndata: {"model": "m", "progress": 0.5}\n\n',
  data({ ended: false, message: "a", reasoning: "b", refusal: "c", tool_calls: [CALL] }),
  delta("d") + delta("e"),
  data({ ended: true, message: "f", reason: "tool_calls" }),
];
const HANDLERS = "onState onText onReasoning onRefusal onToolCalls onEvent onBytes".split(" ");

/** A `fetch` whose body is there at once, and goes on after an abort; and what it was asked. */
function atOnce(headers = {}) {
  const asked = [];
  const fetch = async (_url, { method }) => {
    asked.push(method);
    const pieces = BLOCKS.map((block) => new TextEncoder().encode(block));
    const start = (body) => pieces.forEach((piece) => body.enqueue(piece)) ?? body.close();
    return new Response(new ReadableStream({ start }), { headers });
  };
  return { fetch, asked };
}

/** The names of the functions that are called, up to that call of one of them, which does this. */
async function calledUntil(handler, nth, action) {
  const { fetch, asked } = atOnce(KEPT);
  const called = [];
  const handlers = HANDLERS.map((name) => [
    name,
    () => {
      called.push(name);
      if (called.filter((one) => one === handler).length === nth) answer[action]();
    },
  ]);
  const answer = Answer.post("http://localhost/", {}, { fetch, ...Object.fromEntries(handlers) });
  const { reason } = await answer.finished;
  await new Promise(setImmediate); // what is wrong would have come by now
  return { called, asked, reason };
}

const ENDS = { leave: ["left", ["POST"]], stop: ["stopped", ["POST", "DELETE"]] };
for (const [action, [end, requests]] of Object.entries(ENDS)) {
  for (const handler of HANDLERS) {
    test(`after ${action}() in ${handler} the state is told, and nothing else`, async () => {
      for (let nth = 1; ; nth += 1) {
        const { called, asked, reason } = await calledUntil(handler, nth, action);
        if (reason === "tool_calls") break; // there were fewer calls
        assert.equal(reason, end);
        assert.deepEqual(called.slice(-2), [handler, "onState"], `call ${nth}: ${called}`);
        assert.equal(
          called.filter((name) => name === handler).length - nth,
          +(handler === "onState"),
        );
        assert.deepEqual(asked, requests);
      }
    });
  }
}

test("who leaves while the response comes does not stop the answer for its other readers", async () => {
  const { fetch, asked } = atOnce(KEPT);
  const wrapper = async (...request) => {
    const response = await fetch(...request);
    answer.leave();
    return response;
  };
  const told = [];
  const onState = ({ name }) => told.push(name);
  const answer = Answer.post("http://localhost/", {}, { fetch: wrapper, onState });
  assert.equal((await answer.finished).reason, "left");
  await new Promise(setImmediate);
  assert.deepEqual([asked, told], [["POST"], ["ended"]]);
});

test("postEvents gives no event after an abort, also of those that have come", async () => {
  const { fetch } = atOnce();
  const controller = new AbortController();
  const { signal } = controller;
  const got = [];
  const reading = (async () => {
    for await (const { data } of postEvents("http://localhost/", {}, { fetch, signal })) {
      got.push(data);
      if (data.includes('"d"')) controller.abort();
    }
  })();
  await assert.rejects(reading, { name: "AbortError" });
  assert.equal(got.length, 3);
});

test("nor a chunk", async () => {
  const { fetch } = atOnce();
  const controller = new AbortController();
  const { signal } = controller;
  const chunks = [];
  const onBytes = (bytes) => chunks.push(bytes) && controller.abort();
  const reading = all(postEvents("http://localhost/", {}, { fetch, signal, onBytes }));
  await assert.rejects(reading, { name: "AbortError" });
  assert.equal(chunks.length, 1);
});
