/** `Answer` from connecting to its one end, by POST. The forms are in `openai`, GET is in `getting`. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { Answer, LLMStream, answered } from "./support.mjs";
import { begin, data, delta, end, withServer } from "./support.mjs";

/** Handlers that write down their calls. */
function diary() {
  const heard = { states: [], text: "", events: [] };
  const handlers = {
    onState: (state) => heard.states.push(state),
    onText: (text) => (heard.text += text),
    onEvent: (event) => heard.events.push(event),
  };
  return { heard, handlers, names: () => heard.states.map(({ name }) => name) };
}

function lossless(state) {
  return JSON.parse(JSON.stringify(state)); // without the keys that are undefined
}

/** The whole of one POST against a server that writes these blocks and ends. */
function post(...blocks) {
  const book = diary();
  const answer = (_request, response) => {
    begin(response);
    for (const block of blocks) response.write(block);
    response.end();
  };
  return withServer(answer, async (url, requests) => {
    const state = await Answer.post(url, {}, book.handlers).finished;
    assert.equal(requests.length, 1);
    return { ...book, state: lossless(state) };
  });
}

const loading = (progress) =>
  `event: loading\ndata: ${JSON.stringify({ model: "gemma", progress })}\n\n`;

test("a stream begins as connecting and tells every state after it", async () => {
  const answer = (_request, response) => {
    begin(response);
    response.end(delta("Once") + delta(" upon") + end());
  };
  await withServer(answer, async (url) => {
    const { heard, handlers, names } = diary();
    const stream = Answer.post(url, { prompt: "x" }, handlers);
    assert.deepEqual(stream.state, { name: "connecting" });
    const ended = { name: "ended", reason: "complete", usage: null };
    assert.deepEqual(await stream.finished, ended);
    assert.deepEqual(stream.state, ended);
    assert.deepEqual(names(), ["waiting", "streaming", "ended"]);
    assert.equal(heard.text, "Once upon");
    assert.equal(heard.events.length, 3);
  });
});

test("the end tells its reason and its usage", async () => {
  const data = { ended: true, message: "", reason: "timeout", usage: { completion_tokens: 7 } };
  const { state } = await post(`data: ${JSON.stringify(data)}\n\n`);
  assert.deepEqual(state, { name: "ended", reason: "timeout", usage: { completion_tokens: 7 } });
});

test("a model that loads is told with its progress, then waited for", async () => {
  const { heard, names } = await post(loading(null), loading(0.42), loading(1), delta("a"), end());
  assert.deepEqual(names(), ["waiting", "loading", "loading", "waiting", "streaming", "ended"]);
  assert.deepEqual(heard.states[1], { name: "loading", model: "gemma", progress: null });
  assert.equal(heard.states[2].progress, 0.42);
});

test("an error event is a failure with the server's own words", async () => {
  const error = { code: "provider_error", message: "The model failed.", id: "7d1f" };
  const data = JSON.stringify({ ended: true, error });
  const { state, heard } = await post(delta("a"), `event: error\ndata: ${data}\n\n`);
  const { message: reason, ...facts } = error;
  assert.deepEqual(state, { name: "failed", reason, ...facts });
  assert.equal(heard.text, "a");
});

test("a body without the answer's end is a failure", async () => {
  const { state } = await post(delta("a"));
  const reason = "The connection broke before the answer was complete.";
  assert.deepEqual(state, { name: "failed", reason, code: "truncated" });
});

test("a connection that breaks is a failure, and nothing is sent again", async () => {
  const answer = (_request, response) => {
    begin(response);
    response.write(delta("a"), () => response.destroy());
  };
  await withServer(answer, async (url, requests) => {
    const state = await Answer.post(url, {}).finished;
    assert.equal(state.code, "truncated");
    assert.equal(requests.length, 1);
  });
});

test("a refusal is a failure with its reason, its status and when to come back", async () => {
  const answer = (_request, response) => {
    response.writeHead(503, { "Retry-After": "3" });
    response.end('{"error": {"code": "too_many_streams", "message": "Too many."}}');
  };
  await withServer(answer, async (url) => {
    const state = lossless(await Answer.post(url, {}).finished);
    const facts = { code: "too_many_streams", status: 503, retryAfter: 3 };
    assert.deepEqual(state, { name: "failed", reason: "Too many.", ...facts });
  });
});

test("an event past the bound is a failure", async () => {
  const { state } = await post(`data: ${"x".repeat(16_777_217)}\n\n`);
  assert.equal(state.code, "too_large");
});

const strange = ['{"tick": 1}', "not JSON", "7", "null", '"text"', "[1]", '{"ended": false}', "{}"];
for (const data of strange) {
  test(`what is no delta and no end is passed on and left alone: ${data}`, async () => {
    const { state, heard } = await post(delta("a"), `data: ${data}\n\n`, delta("b"), end());
    assert.equal(state.name, "ended");
    assert.equal(heard.text, "ab");
    assert.equal(heard.events[1].data, data);
  });
}

test("the event that opens a stream is passed on and is no text", async () => {
  const opened = delta("").replace("message", "opened");
  const { heard, names } = await post(opened, end());
  assert.deepEqual(names(), ["waiting", "ended"]);
  assert.deepEqual([heard.text, heard.events[0].event], ["", "opened"]);
});

test("an empty delta is not the first token", async () => {
  const { names } = await post(delta(""), end());
  assert.deepEqual(names(), ["waiting", "ended"]);
});

test("nothing is told after the end", async () => {
  const { heard, names } = await post(end(), delta("late"), end("again"));
  assert.deepEqual(names(), ["waiting", "ended"]);
  assert.equal(heard.text, "");
  assert.equal(heard.events.length, 1);
});

test("the server sees a reader who stayed to the end", async () => {
  let finished;
  const answer = (_request, response) => {
    begin(response);
    response.write(end());
    finished = new Promise((resolve) => {
      response.on("finish", () => resolve("finished"));
      response.on("close", () => resolve("left"));
    });
    setImmediate(() => response.end());
  };
  await withServer(answer, async (url) => {
    await Answer.post(url, {}).finished;
    assert.equal(await finished, "finished");
  });
});

test("stop ends it at once, and the server sees the reader leave", async () => {
  let left;
  const answer = (_request, response) => {
    left = once(response, "close");
    begin(response, delta("a"));
  };
  await withServer(answer, async (url) => {
    const { handlers, names } = diary();
    const streaming = new Promise((resolve) => (handlers.onText = resolve));
    const stream = Answer.post(url, {}, handlers);
    await streaming;
    stream.stop();
    assert.deepEqual(stream.state, { name: "ended", reason: "stopped", usage: null });
    await left;
    stream.stop();
    assert.deepEqual(names(), ["waiting", "streaming", "ended"]);
  });
});

test("stop works before there is an answer", async () => {
  let left;
  let stream;
  const answer = (_request, response) => {
    left = once(response, "close");
    stream.stop();
  };
  await withServer(answer, async (url) => {
    stream = Answer.post(url, {});
    assert.equal((await stream.finished).reason, "stopped");
    await left;
  });
});

/** The errors that are reported to the page while `use` runs. */
async function reportsOf(use) {
  const reports = [];
  globalThis.reportError = ({ message }) => reports.push(message);
  try {
    await use();
  } finally {
    delete globalThis.reportError;
  }
  return reports;
}

const mistake = () => {
  throw new Error("a page's own mistake");
};
const wrongHandlers = [
  "onState",
  "onText",
  "onReasoning",
  "onRefusal",
  "onToolCalls",
  "onEvent",
  "onBytes",
];
for (const name of wrongHandlers) {
  test(`a handler that throws is reported, and the reading goes on: ${name}`, async () => {
    const reports = await reportsOf(async () => {
      const blocks = [
        data({ ended: false, message: "a", reasoning: "b" }),
        data({
          ended: false,
          message: "c",
          refusal: "c",
          tool_calls: [{ id: "1", function: { name: "f" } }],
        }),
        data({ ended: true, message: "", reason: "tool_calls" }),
      ];
      const { state } = await answered(blocks, { [name]: mistake });
      assert.equal(state.reason, "tool_calls");
    });
    assert.ok(reports.length > 0);
    assert.deepEqual(new Set(reports), new Set(["a page's own mistake"]));
  });
}

test("a body that JSON can't hold is told at the call", () => {
  const endless = {};
  endless.self = endless;
  for (const body of [endless, { count: 1n }])
    assert.throws(() => Answer.post("/", body), TypeError);
});

test("the class has two names", () => {
  assert.equal(LLMStream, Answer);
});
