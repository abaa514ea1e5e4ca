/** Errors in every shape that servers give them keep their words and their facts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, answered, chunk, data, delta, read, withServer } from "./support.mjs";

const WORDS = "The context is too long.";

/** The state after one POST that is refused with this body. */
function refused(body, status = 400, headers = {}) {
  const answer = (_request, response) => {
    response.writeHead(status, headers);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  return withServer(answer, async (url) => {
    const state = await Answer.post(url, {}).finished;
    return JSON.parse(JSON.stringify(state));
  });
}

const bodies = [
  [
    { error: { message: WORDS, type: "invalid_request_error", param: "messages", code: null } },
    { code: "invalid_request_error", field: "messages" },
  ],
  [
    {
      error: { message: WORDS, code: "too_long", field: "messages", id: "7d1f" },
    },
    { code: "too_long", field: "messages", id: "7d1f" },
  ],
  [{ error: WORDS }, {}],
  [{ error: WORDS, error_type: "validation" }, { code: "validation" }],
  [{ error: { message: null, detail: WORDS, code: 400 } }, { code: "400" }],
  [{ error: { message: "", error: { message: WORDS } } }, {}],
  [{ error: { message: [WORDS] } }, {}],
  [{ error: "invalid_request", error_description: WORDS }, { code: "invalid_request" }],
  [
    [{ error: { code: 400, message: WORDS, status: "INVALID_ARGUMENT" } }],
    { code: "INVALID_ARGUMENT" },
  ],
  [
    { type: "error", error: { type: "overloaded_error", message: WORDS }, request_id: "req_1" },
    { code: "overloaded_error", id: "req_1" },
  ],
  [
    { object: "error", message: WORDS, type: "BadRequestError", code: 400 },
    { code: "BadRequestError" },
  ],
  [{ detail: WORDS }, {}],
  [{ detail: { code: "too_long", message: WORDS } }, { code: "too_long" }],
  [
    { detail: [{ loc: ["body", "messages", 0], msg: WORDS, type: "too_long" }] },
    { code: "too_long", field: "messages.0" },
  ],
  [{ detail: [{ loc: ["body", { toString: 1 }, "messages"], msg: WORDS }] }, { field: "messages" }],
  [{ title: WORDS, status: 400 }, { code: "400" }],
  [{ statusCode: 400, message: [WORDS], error: "Bad Request" }, { code: "Bad Request" }],
  [
    { error_message: WORDS, error_type: "BadRequestError", choices: null },
    { code: "BadRequestError" },
  ],
  [{ id: "c1", type: "error", error: { message: WORDS } }, {}],
  [
    { id: "7d1f", type: "too_long", message: WORDS },
    { id: "7d1f", code: "too_long" },
  ],
  [WORDS, {}],
  [JSON.stringify(WORDS), {}],
];
for (const [body, facts] of bodies) {
  test(`a refusal keeps its words and facts: ${JSON.stringify(body)}`, async () => {
    const told = await refused(body);
    assert.deepEqual(told, {
      name: "failed",
      reason: WORDS,
      code: "http_error",
      status: 400,
      ...facts,
    });
  });
}

const wordless = [
  {},
  [],
  null,
  7,
  { error: {} },
  { error: { message: 7 } },
  { error: { message: "  " } },
  { message: {} },
  { error: [] },
  [[[[]]]],
  "<h1>Bad</h1>",
  "\uFEFF <!doctype html>",
  "",
  '{"error": {"mess',
];
for (const body of wordless) {
  test(`without words the status speaks: ${JSON.stringify(body)}`, async () => {
    const told = await refused(body);
    const reason = "The server answered 400 Bad Request.";
    assert.deepEqual(told, { name: "failed", reason, code: "http_error", status: 400 });
  });
}

test("an error without words keeps its facts", async () => {
  const error = { message: null, type: "too_long", param: "messages", id: "7d1f", code: 413 };
  const { state } = await read(data({ id: "c1", type: "error", error }));
  const facts = { code: "too_long", field: "messages", id: "7d1f" };
  assert.deepEqual(state, { name: "failed", reason: "The answer failed.", ...facts });
});

test("all details are told, and the first one's field", async () => {
  const detail = [
    { loc: ["body", "a"], msg: "Missing." },
    { loc: ["body", "b"], msg: "Too long." },
  ];
  const { reason, field } = await refused({ detail });
  assert.deepEqual([reason, field], ["Missing.; Too long.", "a"]);
});

test("words past a paragraph are no code", async () => {
  assert.equal((await refused({ error: "x".repeat(600) })).code, "http_error");
});

test("words past a paragraph are cut, and no character with them", async () => {
  const { reason } = await refused("x".repeat(499) + "🚀".repeat(10_000));
  assert.equal(reason, "x".repeat(499) + " …");
});

test("the request's ID is the failure's where the error gives none", async () => {
  const headers = { "X-Request-ID": "7d1f" };
  assert.equal((await refused("<h1>Bad Gateway</h1>", 502, headers)).id, "7d1f");
  assert.equal((await refused({ error: { message: "x", id: "a1" } }, 502, headers)).id, "a1");
});

const waits = { 7: 7, " 7 ": 7, 1.5: 2, "7, 9": 7, "Thu, 01 Jan 1970 00:00:00 GMT": 0 };
for (const [value, seconds] of Object.entries(waits)) {
  test(`Retry-After ${JSON.stringify(value)} is a wait`, async () => {
    assert.equal((await refused("", 503, { "Retry-After": value })).retryAfter, seconds);
  });
}

for (const value of ["soon", "", "9".repeat(400), "soon GMT"]) {
  test(`Retry-After ${JSON.stringify(value.slice(0, 20))} says nothing`, async () => {
    assert.equal((await refused("", 503, { "Retry-After": value })).retryAfter, undefined);
  });
}

const inBand = {
  "an object": data({ error: { message: WORDS, code: "too_long" } }),
  "an object at the end of the message format": data({
    ended: true,
    error: { message: WORDS, code: "too_long" },
  }),
  "a line of JSON": JSON.stringify({ error: { message: WORDS, code: "too_long" } }) + "\n\n",
  "a field": `error: ${JSON.stringify({ message: WORDS, code: "too_long" })}\n\n`,
  "an object with its own type": data({ object: "error", message: WORDS, code: "too_long" }),
  "of the type error": `event: error\ndata: ${JSON.stringify({ message: WORDS, code: "too_long" })}\n\n`,
  "of the type error, nested": `event: error\ndata: ${JSON.stringify({ error: { message: WORDS, code: "too_long" } })}\n\n`,
  "beside the choices": data({ choices: [], error: { message: WORDS, code: "too_long" } }),
  "on the choice": data({
    choices: [{ delta: {}, finish_reason: "error", error: { message: WORDS, code: "too_long" } }],
  }),
};
for (const [name, block] of Object.entries(inBand)) {
  for (const [place, before] of [
    ["first", []],
    ["after some text", [chunk({ content: "Hi" })]],
  ]) {
    if (name.includes("message format") && place !== "first") continue;
    test(`an error in the stream keeps its words: ${name}, ${place}`, async () => {
      const { state } = await read(...before, block, "data: [DONE]\n\n");
      assert.deepEqual(state, { name: "failed", reason: WORDS, code: "too_long" });
    });
  }
}

test("an error's text is its words", async () => {
  for (const block of [
    data({ error: WORDS }),
    `event: error\ndata: ${WORDS}\n\n`,
    data({ ended: true, error: WORDS }),
  ]) {
    const { state } = await read(block);
    assert.deepEqual(state, { name: "failed", reason: WORDS, code: "error" });
  }
});

test("a number is a code, too", async () => {
  for (const code of [429, "429"]) {
    const { state } = await read(data({ error: { message: WORDS, code } }));
    assert.equal(state.code, "429");
  }
});

for (const error of [7, true, [], {}, { message: null }, { message: 7 }]) {
  test(`an error without words is a failure: ${JSON.stringify(error)}`, async () => {
    for (const block of [data({ ended: true, error }), data({ choices: [], error })]) {
      const { state } = await read(block);
      assert.deepEqual([state.name, state.reason], ["failed", "The answer failed."]);
    }
  });
}

for (const error of [null, false, "", 0]) {
  test(`an error that says nothing is none: ${JSON.stringify(error)}`, async () => {
    const { state } = await read(data({ ended: true, message: "", error }));
    assert.equal(state.name, "ended");
    const chunks = await read(
      data({ choices: [{ delta: { content: "Hi" }, finish_reason: "stop" }], error }),
    );
    assert.equal(chunks.state.name, "ended");
  });
}

test("a page's own event of the type error ends nothing, and explains a stream that breaks", async () => {
  const own = `event: error\ndata: ${WORDS}\n\n`;
  const whole = await read(delta("Hi"), own, data({ ended: true, message: "" }));
  assert.equal(whole.state.reason, "complete");
  const broken = await read(delta("Hi"), own);
  assert.deepEqual(broken.state, { name: "failed", reason: WORDS, code: "error" });
});

test("an error that is no event explains a stream that breaks", async () => {
  const error = JSON.stringify({ error: { message: WORDS } });
  const onManyLines = JSON.stringify(JSON.parse(error), null, 2);
  for (const line of [error, error + "\n", onManyLines, `error: ${error}\n`]) {
    const { state } = await read(delta("Hi"), line);
    assert.deepEqual(state, { name: "failed", reason: WORDS, code: "error" });
  }
});

const JSON_TYPE = { "Content-Type": "application/json" };
for (const body of [
  { error: { message: WORDS } },
  { error: WORDS },
  [{ error: { message: WORDS } }],
]) {
  test(`an error with the status 200 is a failure: ${JSON.stringify(body)}`, async () => {
    const { state } = await answered([JSON.stringify(body)], {}, JSON_TYPE, "");
    assert.deepEqual([state.name, state.reason], ["failed", WORDS]);
  });
}

const nothing = {
  "an empty body": "",
  "a page": "<!doctype html><p>data: 1",
  "a text": "OK",
  "a number": "7",
  blanks: " \n\n ",
};
for (const [name, body] of Object.entries(nothing)) {
  test(`with the status 200 this is no answer: ${name}`, async () => {
    const { state } = await answered([body], {}, { "Content-Type": "text/html" }, "");
    assert.deepEqual([state.name, state.code], ["failed", "not_an_event_stream"]);
  });
}

test("a page that is called an event stream is none", async () => {
  const { state } = await answered(["<!doctype html><p>data: 1"], {}, undefined, "");
  const reason = "The server answered 200 OK without an event stream.";
  assert.deepEqual([state.reason, state.code], [reason, "not_an_event_stream"]);
});

test("204 is no answer", async () => {
  const state = await refused("", 204);
  assert.equal(state.reason, "The server answered 204 No Content without an event stream.");
});

const members = [
  { reason: null, expected: "complete" },
  { reason: "", expected: "complete" },
  { reason: 7, expected: "complete" },
  { reason: {}, expected: "complete" },
  { reason: "timeout", expected: "timeout" },
];
for (const { reason, expected } of members) {
  test(`the reason of an end: ${JSON.stringify(reason)} is ${expected}`, async () => {
    const { state } = await read(data({ ended: true, reason, usage: [1] }));
    assert.deepEqual(state, { name: "ended", reason: expected, usage: null });
  });
}

for (const ended of ["true", 1, null, {}]) {
  test(`an end that is no true is none: ${JSON.stringify(ended)}`, async () => {
    const { state } = await read(delta("Hi"), data({ ended, message: "!" }));
    assert.deepEqual([state.name, state.code], ["failed", "truncated"]);
  });
}

for (const message of [7, null, { a: 1 }, true]) {
  test(`a message that is no text is none: ${JSON.stringify(message)}`, async () => {
    const { heard } = await read(data({ ended: false, message }), data({ ended: true }));
    assert.deepEqual([heard.text, heard.events.length], ["", 2]);
  });
}

test("a loading event's members may be anything", async () => {
  const loading = (json) => `event: loading\ndata: ${JSON.stringify(json)}\n\n`;
  const states = [];
  await answered(
    [
      loading({ model: 7, progress: "1" }),
      loading({ progress: -1 }),
      loading([1]),
      data({ ended: true }),
    ],
    { onState: (state) => states.push(state) },
  );
  const unknown = { name: "loading", model: "", progress: null };
  assert.deepEqual(states.slice(1, -1), [unknown, unknown]);
});
