/** Whatever a server sends, an answer comes to one end, and no exception is left over. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, chunk, data, delta, end, randomFrom } from "./support.mjs";

const ROUNDS = 1000;
const SEED = Number(process.env.SEED ?? 11);

const NAMES = [
  "ended",
  "message",
  "reason",
  "usage",
  "error",
  "code",
  "type",
  "status",
  "id",
  "field",
  "param",
  "detail",
  "loc",
  "msg",
  "retry_after",
  "choices",
  "delta",
  "index",
  "content",
  "text",
  "refusal",
  "reasoning",
  "reasoning_content",
  "thinking",
  "tool_calls",
  "function",
  "name",
  "arguments",
  "finish_reason",
  "object",
  "x_groq",
  "model",
  "progress",
  "toString",
  "valueOf",
  "__proto__",
  "constructor",
  "length",
];
const SCALARS = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  429,
  1e308,
  "",
  " ",
  "stop",
  "error",
  "tool_calls",
  "[DONE]",
  "\ud83d",
  "\ude80",
  "\0",
  "\u2028",
  "{}",
  "<p>",
  "chat.completion.chunk",
];
const STUBBORN = { toString: 1, valueOf: 1 }; // a comparison or a join with it throws
const SHAPES = [
  { ended: false, message: "a", refusal: "a", reasoning: "b", tool_calls: [] },
  {
    ended: true,
    message: "",
    reason: "complete",
    usage: { prompt_tokens: 1, finish_reason: "stop" },
  },
  { ended: true, error: { code: "c", message: "m", id: "i", field: "f" } },
  {
    choices: [
      {
        index: 0,
        delta: {
          content: "a",
          tool_calls: [{ index: 0, id: "i", function: { name: "n", arguments: "{}" } }],
        },
        finish_reason: null,
      },
    ],
  },
  {
    choices: [
      { index: 0, message: { content: [{ type: "text", text: "a" }] }, finish_reason: "stop" },
    ],
    usage: {},
  },
  { choices: [{ text: "a", finish_reason: "length" }], x_groq: { usage: {} } },
  { error: { message: "m", type: "t", param: "p", code: 400, status: "S", retry_after: 1 } },
  { detail: [{ loc: ["body", "a"], msg: "m", type: "t" }] },
  { model: "m", progress: 0.5 },
];

/** Any JSON value, small. */
function anyJson(random, depth = 3) {
  const kind = random(depth > 0 ? 8 : 5);
  if (kind < 5) return SCALARS[random(SCALARS.length)];
  if (kind === 5) return Array.from({ length: random(4) }, () => anyJson(random, depth - 1));
  if (kind === 6) return Object.fromEntries(members(random, depth));
  return SHAPES[random(SHAPES.length)];
}

function members(random, depth) {
  return Array.from({ length: random(5) }, () => [
    NAMES[random(NAMES.length)],
    anyJson(random, depth - 1),
  ]);
}

/** The shape with something else in one or more of its places. */
function changed(random, shape) {
  if (random(20) === 0) return STUBBORN;
  if (random(6) === 0) return anyJson(random);
  if (Array.isArray(shape)) return shape.map((item) => changed(random, item));
  if (shape === null || typeof shape !== "object") return shape;
  const kept = Object.entries(shape).filter(() => random(8) > 0);
  const all = [
    ...kept.map(([name, value]) => [name, changed(random, value)]),
    ...members(random, 1).slice(3),
  ];
  return Object.fromEntries(all);
}

/** The text of a shape that is changed, or of one that is nested deeper than a stack. */
function shapeText(random) {
  if (random(80) === 0) return "[".repeat(20_000) + "]".repeat(20_000);
  if (random(80) === 0) return '{"error":'.repeat(20_000) + '"x"' + "}".repeat(20_000);
  return JSON.stringify(changed(random, SHAPES[random(SHAPES.length)]));
}

function eventText(random) {
  const type = ["", "", "", "event: error\n", "event: loading\n", "event: message\n"][random(6)];
  const text = [shapeText, shapeText, shapeText, () => "[DONE]", () => "not JSON"][random(5)](
    random,
  );
  return `${type}data: ${text}\n\n`;
}

function bodyText(random) {
  const kind = random(3);
  if (kind === 0) return shapeText(random);
  if (kind === 1) return Array.from({ length: random(4) }, () => shapeText(random)).join("\n");
  return Array.from({ length: random(6) }, () => eventText(random)).join("");
}

/** `fetch` that answers with this text, cut anywhere. */
function fetchOf(random, text, status) {
  const bytes = new TextEncoder().encode(text);
  const types = ["text/event-stream", "application/json", "text/html", ""];
  const headers = { "Content-Type": types[random(types.length)] };
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random(bytes.length > 1000 ? 20_000 : 40);
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      }
      controller.close();
    },
  });
  return async () => new Response(body, { status, headers });
}

async function answerTo(fetch, handlers) {
  const real = globalThis.fetch;
  globalThis.fetch = fetch;
  try {
    return await Answer.post("http://localhost/", {}, handlers).finished;
  } finally {
    globalThis.fetch = real;
  }
}

test("any JSON anywhere ends in words, once", async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const random = randomFrom(SEED * 100_003 + round);
    const text = bodyText(random);
    const status = [200, 200, 200, 400, 503][random(5)];
    const told = [];
    const isText = (piece) => assert.ok(typeof piece === "string" && piece !== "");
    const state = await answerTo(fetchOf(random, text, status), {
      onState: ({ name }) => told.push(name),
      onText: isText,
      onReasoning: isText,
      onRefusal: isText,
      onToolCalls: (calls) => calls.forEach(isCall),
    });
    const place = `SEED=${SEED}, round ${round}: ${text.slice(0, 300)}`;
    assert.ok(["ended", "failed"].includes(state.name), place);
    assert.ok(typeof state.reason === "string" && state.reason.trim() !== "", place);
    assert.equal(told.filter((name) => name === "ended" || name === "failed").length, 1, place);
    if (state.name === "failed") checkFacts(state, place);
    else assert.ok(state.usage === null || typeof state.usage === "object", place);
  }
});

function isCall({ id, type, function: { name, arguments: json } }) {
  for (const value of [id, type, name, json]) assert.equal(typeof value, "string");
}

function checkFacts({ code, id, field, status, retryAfter }, place) {
  assert.ok(typeof code === "string" && code !== "", place);
  for (const text of [id, field]) assert.ok(text === undefined || typeof text === "string", place);
  for (const number of [status, retryAfter]) {
    assert.ok(number === undefined || Number.isFinite(number), place);
  }
}

test("an error's words survive beside any other members", async () => {
  for (let round = 0; round < ROUNDS / 5; round += 1) {
    const random = randomFrom(SEED * 200_003 + round);
    const others = Object.fromEntries(
      members(random, 1).filter(([name]) => !["message", "detail", "msg", "error"].includes(name)),
    );
    const error = { ...others, message: "Out of luck." };
    for (const [status, text] of [
      [400, JSON.stringify({ error })],
      [200, data({ error })],
      [200, chunk({ content: "a" }) + data({ error })],
    ]) {
      const state = await answerTo(fetchOf(random, text, status));
      assert.deepEqual(
        [state.name, state.reason],
        ["failed", "Out of luck."],
        `SEED=${SEED}, round ${round}: ${text}`,
      );
    }
  }
});

test("a page's own events, whatever they look like, leave an answer as it is", async () => {
  for (let round = 0; round < ROUNDS / 3; round += 1) {
    const random = randomFrom(SEED * 300_007 + round);
    const own = () =>
      eventText(random).replaceAll('"ended"', '"over"').replace("event: loading\n", "");
    const text = delta("a") + own() + own() + delta("b") + own() + end();
    const heard = { text: "", events: 0 };
    const state = await answerTo(fetchOf(random, text, 200), {
      onText: (piece) => (heard.text += piece),
      onEvent: () => (heard.events += 1),
    });
    const place = `SEED=${SEED}, round ${round}: ${text.slice(0, 300)}`;
    assert.deepEqual([heard, state.reason], [{ text: "ab", events: 6 }, "complete"], place);
  }
});
