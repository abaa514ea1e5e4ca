/** `Answer` reads chat completions in OpenAI's form, from our server or from any other. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, chunk, data, delta, end, read } from "./support.mjs";

const DONE = "data: [DONE]\n\n";
const stop = chunk({}, "stop");

test("the text of the chunks, the reason and the usage", async () => {
  const usage = { prompt_tokens: 4, completion_tokens: 2 };
  const counts = data({ object: "chat.completion.chunk", choices: [], usage });
  const role = chunk({ role: "assistant", content: "" });
  const { state, heard } = await read(
    role,
    chunk({ content: "Once" }),
    chunk({ content: " upon" }),
    stop,
    counts,
    DONE,
  );
  assert.deepEqual(state, { name: "ended", reason: "complete", usage });
  assert.equal(heard.text, "Once upon");
  assert.deepEqual(heard.names, ["waiting", "streaming", "ended"]);
});

const ends = {
  "[DONE] without a finish_reason": [chunk({ content: "Hi" }), DONE],
  "a finish_reason without [DONE]": [chunk({ content: "Hi" }, "stop")],
  "[DONE] as a JSON text": [chunk({ content: "Hi" }), 'data: "[DONE]"\n\n'],
  "a finish_reason of Together's": [chunk({ content: "Hi" }, "eos"), DONE],
  "a last chunk that repeats the message": [
    chunk({ content: "Hi" }),
    data({ choices: [{ message: { content: "Hi" }, delta: {}, finish_reason: "stop" }] }),
  ],
  "keep-alives of all kinds": [
    data({ type: "ping" }),
    data(null),
    data({}),
    "data:\n\n",
    ": ping\n",
    "event: ping\ndata: {}\n\n",
    chunk({ content: "Hi" }),
    chunk(null),
    data({ choices: null }),
    data({ id: "c1" }),
    stop,
    DONE,
  ],
  "the message in parts": [
    chunk(
      {
        content: [
          { type: "reference", reference_ids: [3] },
          { type: "text", text: "Hi" },
        ],
      },
      "stop",
    ),
  ],
  "legacy completions": [
    data({ choices: [{ index: 0, text: "Hi", finish_reason: "stop" }] }),
    DONE,
  ],
  "a second choice": [
    data({
      choices: [
        { index: 1, delta: { content: "No" } },
        { index: 0, delta: { content: "Hi" } },
      ],
    }),
    stop,
  ],
  "[DONE] in an event of its own type": [chunk({ content: "Hi" }), "event: done\n" + DONE],
  "what follows [DONE]": [
    chunk({ content: "Hi" }),
    DONE,
    chunk({ content: "!" }),
    "data: {oops\n\n",
  ],
};
for (const [name, blocks] of Object.entries(ends)) {
  test(`a whole answer: ${name}`, async () => {
    const { state, heard } = await read(...blocks);
    assert.deepEqual([heard.text, state.name, state.reason], ["Hi", "ended", "complete"]);
  });
}

const reasons = {
  length: "length",
  MAX_TOKENS: "length",
  content_filter: "content_filter",
  SAFETY: "content_filter",
  tool_calls: "tool_calls",
  refusal: "refusal",
  load: "load",
};
for (const [word, reason] of Object.entries(reasons)) {
  test(`an answer that ends with ${word} does not look complete`, async () => {
    const { state } = await read(chunk({ content: "Hi" }), chunk({}, word), DONE);
    assert.equal(state.reason, reason);
  });
}

const cuts = {
  "text and no more": [chunk({ content: "Hi" })],
  "an empty finish_reason": [chunk({ content: "Hi" }, "")],
  "a finish_reason that is no text": [chunk({ content: "Hi" }, 7)],
};
for (const [name, blocks] of Object.entries(cuts)) {
  test(`a stream that stops without an end is a failure: ${name}`, async () => {
    const { state } = await read(...blocks);
    assert.deepEqual([state.name, state.code], ["failed", "truncated"]);
  });
}

test("[DONE] alone is no answer", async () => {
  const { state } = await read(DONE);
  const reason = "The server ended the stream without an answer.";
  assert.deepEqual(state, { name: "failed", reason, code: "no_answer" });
});

test("an answer in another form is told as such", async () => {
  const { state } = await read(data({ type: "content_block_delta", delta: { text: "Hi" } }));
  assert.deepEqual([state.name, state.code], ["failed", "no_answer"]);
});

test("a finish_reason that says error is a failure", async () => {
  for (const word of ["error", "network_error", "abort"]) {
    const { state } = await read(chunk({ content: "Hi" }), chunk({}, word), DONE);
    assert.deepEqual(state, { name: "failed", reason: "The answer failed.", code: word });
  }
});

test("reasoning is told beside the text, under either name and as parts", async () => {
  const thinking = [{ type: "thinking", thinking: [{ type: "text", text: "c" }] }];
  const { heard } = await read(
    chunk({ reasoning_content: "a", content: null }),
    chunk({ reasoning: "b" }),
    chunk({ content: thinking }),
    chunk({ content: "Hi" }),
    stop,
  );
  assert.deepEqual([heard.reasoning, heard.text], ["abc", "Hi"]);
});

test("a model that reasons is no longer waited for", async () => {
  const { heard } = await read(chunk({ reasoning: "a" }), stop);
  assert.deepEqual(heard.names, ["waiting", "streaming", "ended"]);
});

const refusals = {
  "OpenAI's": [
    chunk({ content: null, refusal: "" }),
    chunk({ refusal: "I " }),
    chunk({ refusal: "won't." }),
    stop,
  ],
  "the message format's": [
    data({ ended: false, message: "I ", refusal: "I " }),
    data({ ended: false, message: "won't.", refusal: "won't." }),
    end(),
  ],
};
for (const [name, blocks] of Object.entries(refusals)) {
  test(`a refusal is told, and its end is not that of an answer: ${name}`, async () => {
    const { state, heard } = await read(...blocks);
    assert.deepEqual([heard.refusal, heard.text, state.reason], ["I won't.", "", "refusal"]);
  });

  test(`a page that does not listen for refusals gets the words as text: ${name}`, async () => {
    const { heard } = await answered(blocks, { onRefusal: undefined });
    assert.equal(heard.text, "I won't.");
  });
}

test("text before a refusal is text", async () => {
  const { heard } = await read(data({ ended: false, message: "Well. No.", refusal: "No." }), end());
  assert.deepEqual([heard.text, heard.refusal], ["Well. ", "No."]);
});

const call = (id, name, json) => ({ id, type: "function", function: { name, arguments: json } });
const calls = {
  "in fragments": [
    [{ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }],
    [
      { index: 0, function: { arguments: '{"x"' } },
      { index: 1, id: "b", function: { name: "g" } },
    ],
    [
      { index: 1, function: { arguments: "{}" } },
      { index: 0, function: { arguments: ":1}" } },
    ],
  ],
  "with the ID and the name in each fragment": [
    [{ index: 0, id: "a", function: { name: "f", arguments: '{"x"' } }],
    [{ index: 0, id: "a", function: { name: "f", arguments: ":1}" } }],
    [{ index: 1, id: "b", function: { name: "g", arguments: "{}" } }],
  ],
  "with blank IDs and names after the first": [
    [{ index: 0, id: "a", function: { name: "f", arguments: null } }],
    [{ index: 0, id: "", type: null, function: { name: "", arguments: '{"x":1}' } }],
    [{ index: 1, id: "b", function: { name: "g", arguments: "{}" } }],
  ],
  "whole, all with the same index": [
    [{ index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } }],
    [{ index: 0, id: "b", function: { name: "g", arguments: "{}" } }],
  ],
  "whole, without an index": [
    [
      { id: "a", function: { name: "f", arguments: '{"x":1}' } },
      { id: "b", function: { name: "g", arguments: "{}" } },
    ],
  ],
  "with the name in each fragment and no ID, as OpenAI's own client does": [
    [{ index: 0, id: "a", function: { name: "f", arguments: '{"x"' } }],
    [{ index: 0, function: { name: "f", arguments: ":1}" } }],
    [{ index: 1, id: "b", function: { name: "g", arguments: "{" } }],
    [{ index: 1, function: { name: "g", arguments: "}" } }],
  ],
  "with arguments that are no text": [
    [
      { id: "a", function: { name: "f", arguments: { x: 1 } } },
      { id: "b", function: { name: "g", arguments: {} } },
    ],
  ],
};
for (const [name, fragments] of Object.entries(calls)) {
  test(`calls of tools are put together: ${name}`, async () => {
    const blocks = fragments.map((tool_calls) => chunk({ content: null, tool_calls }));
    for (const finish of ["tool_calls", "stop"]) {
      const { state, heard } = await read(...blocks, chunk({}, finish), DONE);
      assert.deepEqual(heard.calls, [[call("a", "f", '{"x":1}'), call("b", "g", "{}")]]);
      assert.equal(state.reason, "tool_calls");
    }
  });
}

test("the message format's calls are the same", async () => {
  const tool_calls = calls["whole, without an index"][0];
  const { state, heard } = await read(data({ ended: false, message: "", tool_calls }), end());
  assert.deepEqual(heard.calls, [[call("a", "f", '{"x":1}'), call("b", "g", "{}")]]);
  assert.equal(state.reason, "tool_calls");
});

test("arguments that can't be told are left out", async () => {
  const deep = '{"a":'.repeat(20_000) + "1" + "}".repeat(20_000);
  const block = chunk({ tool_calls: [{ id: "a", function: { name: "f", arguments: null } }] });
  for (const json of ["7", "true", "null", deep]) {
    const { heard } = await read(block.replace('"arguments":null', `"arguments":${json}`), stop);
    assert.deepEqual(heard.calls, [[call("a", "f", "")]]);
  }
});

test("a member that a server needs back stays with its call", async () => {
  const extra_content = { google: { thought_signature: "abc" } };
  const tool_calls = [{ ...call("a", "f", "{}"), extra_content }];
  const { heard } = await read(chunk({ tool_calls }), stop);
  assert.deepEqual(heard.calls, [[{ ...call("a", "f", "{}"), extra_content }]]);
});

test("calls that may lack a part are not told", async () => {
  const half = chunk({
    tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"x' } }],
  });
  for (const blocks of [[half], [half, chunk({}, "length"), DONE], [half, data({ error: "no" })]]) {
    const { heard } = await read(...blocks);
    assert.deepEqual(heard.calls, []);
  }
});

test("the message format tells why the model stopped", async () => {
  const ended = (finish_reason) =>
    data({ ended: true, message: "", reason: "complete", usage: { finish_reason } });
  for (const [word, reason] of Object.entries({
    length: "length",
    stop: "complete",
    tool_calls: "tool_calls",
  })) {
    const { state } = await read(delta("Hi"), ended(word));
    assert.equal(state.reason, reason);
  }
});

const usages = {
  "in the choice": [
    data({ choices: [{ delta: {}, finish_reason: "stop", usage: { prompt_tokens: 1 } }] }),
  ],
  "in Groq's place": [
    data({
      choices: [{ delta: {}, finish_reason: "stop" }],
      x_groq: { usage: { prompt_tokens: 1 } },
    }),
  ],
  "without choices": [stop, data({ id: "c1", usage: { prompt_tokens: 1 } })],
  "before nulls": [
    data({ choices: [{ delta: {}, finish_reason: "stop" }], usage: { prompt_tokens: 1 } }),
    data({ choices: [], usage: null }),
  ],
};
for (const [name, blocks] of Object.entries(usages)) {
  test(`the usage is found ${name}`, async () => {
    const { state } = await read(chunk({ content: "Hi" }), ...blocks, DONE);
    assert.deepEqual(state.usage, { prompt_tokens: 1 });
  });
}

test("events of the message format's are left alone in a stream of chunks", async () => {
  const { state, heard } = await read(chunk({ content: "Hi" }), end(), delta("!"), stop, DONE);
  assert.deepEqual([heard.text, state.reason], ["Hi", "complete"]);
});

test("a page's own events that look like chunks are left alone in the message format", async () => {
  const own = [
    chunk({ content: "!" }, "stop"),
    DONE,
    data({ error: "0.02" }),
    data([{ error: { message: "x" } }]),
  ];
  const { state, heard } = await read(delta("Hi"), ...own, delta(" you"), end());
  assert.deepEqual([heard.text, state.reason], ["Hi you", "complete"]);
  assert.equal(heard.events.length, 7);
});

for (const own of [
  { tick: 1 },
  null,
  [1],
  7,
  "text",
  { choices: ["a"] },
  { choices: [], usage: {} },
]) {
  test(`an event that says nothing decides on no form: ${JSON.stringify(own)}`, async () => {
    for (const blocks of [
      [delta("Hi"), end()],
      [chunk({ content: "Hi" }), stop],
    ]) {
      const { state, heard } = await read(data(own), ...blocks);
      assert.deepEqual([heard.text, state.reason], ["Hi", "complete"]);
    }
  });
}

const message = { role: "assistant", content: "Hi" };
const wholes = {
  "a chat completion": JSON.stringify({
    object: "chat.completion",
    choices: [{ index: 0, message, finish_reason: "stop" }],
  }),
  "without a finish_reason": JSON.stringify({ choices: [{ message }] }),
  "over many lines": JSON.stringify({ choices: [{ message }] }, null, 2),
  "after blank lines": "\n\n  " + JSON.stringify({ choices: [{ message }] }, null, 2) + "\n",
  "after a BOM": "\uFEFF" + JSON.stringify({ choices: [{ message }] }),
  "the message format": '{"ended":true,"message":"Hi","reason":"complete"}',
  "lines of the message format":
    '{"ended":false,"message":"Hi"}\n{"ended":true,"message":"","reason":"complete"}\n',
  "lines that end with CRLF": '{"ended":false,"message":"Hi"}\r\n{"ended":true}\r\n',
};
for (const [name, body] of Object.entries(wholes)) {
  for (const type of ["application/json", "text/event-stream", "text/html"]) {
    test(`an answer in JSON, as ${type}: ${name}`, async () => {
      const { state, heard } = await answered([body], {}, { "Content-Type": type }, "");
      assert.deepEqual([state.name, state.reason, heard.text], ["ended", "complete", "Hi"]);
    });
  }
}

test("JSON that is cut is a failure", async () => {
  for (const body of [
    '{"choices":[{"message":{"content":"Hi',
    '{"ended":false,"message":"Hi"}\n{"ended":tr',
  ]) {
    const { state } = await answered([body], {}, { "Content-Type": "application/json" }, "");
    assert.equal(state.name, "failed");
  }
});

test("lines of JSON are told as they come", async () => {
  const { heard } = await answered(
    ['{"ended":false,"message":"Hi"}\n', '{"ended":true}\n'],
    {},
    {},
    "",
  );
  assert.deepEqual(heard.names, ["waiting", "streaming", "ended"]);
});
