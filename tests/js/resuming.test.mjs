/** `Answer` with a server that keeps its answers: it resumes them by itself, and stops them there. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Answer, ScriptedEventSource, chunk, delta, end } from "./support.mjs";
import { randomFrom, withServer } from "./support.mjs";

const ID = "Zb3_k-9QxT7fLw2mVhRcYd5sJgPnUa8e";
const TEXT = ["Once", " upon", " a", " “time”", " 你好", " 👋."];

/** The events of one answer, with their numbers. */
const EVENTS = [...TEXT.map(delta), end()].map((block, index) => {
  const number = index < TEXT.length ? index + 1 : "ended";
  return block.replace(/\n(id: ended\n)?\n$/, `\nid: ${ID}:${number}\n\n`);
});
const OPENING = `: open\n\nevent: opened\ndata: {"ended": false, "message": ""}\nid: ${ID}:0\n\n`;

/** What a reader gets who has had all up to this event ID. */
function after(lastEventId) {
  if (!lastEventId) return OPENING + EVENTS.join("");
  return EVENTS.slice(Number(lastEventId.split(":")[1])).join("");
}

const HEAD = { "Content-Type": "text/event-stream", "X-Stream-ID": ID };

/** Write to a reader, and break the connection when it has gone out. */
function cutAfter(response, bytes) {
  response.writeHead(200, HEAD);
  response.flushHeaders();
  response.write(bytes, () => setImmediate(() => response.destroy()));
}

function whole(response, bytes) {
  response.writeHead(200, HEAD);
  response.end(bytes);
}

function refuse(response, status, headers = {}, body = "") {
  response.writeHead(status, headers);
  response.end(body);
}

/** An answer whose requests are answered by these functions, one after the other. */
async function resumed(
  replies,
  use = (url, options) => Answer.post(url, {}, options),
  options = {},
) {
  const heard = { names: [], text: "" };
  const rest = [...replies];
  const answer = (request, response) => {
    const reply = rest.shift() ?? assert.fail(`one request too many: ${request.method}`);
    return reply(response, request.headers["last-event-id"]);
  };
  return withServer(answer, async (origin, requests) => {
    const stream = use(origin + "v1/chat/completions", {
      onState: ({ name }) => heard.names.push(name),
      onText: (text) => (heard.text += text),
      ...options,
    });
    const state = await stream.finished;
    const asked = requests.map(({ method, url }) => `${method} ${url}`);
    return { ...heard, stream, state, requests, asked, unused: rest.length };
  });
}

const POST = "POST /v1/chat/completions";
const GET = `GET /v1/chat/streams/${ID}`;
const DELETE = `DELETE /v1/chat/streams/${ID}`;

const random = Math.random;
beforeEach(() => (Math.random = () => 0)); // no wait but those that the server asks for
afterEach(() => {
  Math.random = random;
  mock.timers.reset();
});

test("a connection that breaks is followed by a GET after the last event", async () => {
  const told = await resumed([
    (response) => cutAfter(response, OPENING + EVENTS.slice(0, 2).join("")),
    (response, last) => whole(response, after(last)),
  ]);
  assert.deepEqual(told.asked, [POST, GET]);
  assert.equal(told.requests[1].headers["last-event-id"], `${ID}:2`);
  assert.equal(told.requests[1].headers.accept, "text/event-stream");
  assert.equal(told.text, TEXT.join(""));
  assert.deepEqual(told.names, ["waiting", "streaming", "reconnecting", "streaming", "ended"]);
  assert.deepEqual(told.state, { name: "ended", reason: "complete", usage: null });
});

test("a body that ends without the answer's end is followed, too", async () => {
  const told = await resumed([
    (response) => whole(response, OPENING + EVENTS[0]),
    (response, last) => whole(response, after(last)),
  ]);
  assert.deepEqual([told.text, told.state.name], [TEXT.join(""), "ended"]);
});

test("wherever the connections break, the text is whole and nothing comes twice", async () => {
  const below = randomFrom(14);
  for (let round = 0; round < 60; round += 1) {
    const cut = (response, last) => {
      const bytes = Buffer.from(after(last));
      cutAfter(response, bytes.subarray(0, below(bytes.length + 1)));
    };
    const cuts = Array.from({ length: 1 + below(4) }, () => cut);
    const told = await resumed([...cuts, (response, last) => whole(response, after(last))]);
    assert.equal(told.text, TEXT.join(""));
    assert.equal(told.state.reason, "complete");
    assert.equal(told.asked.filter((line) => line === POST).length, 1);
  }
});

test("before the first event there is no event ID to send", async () => {
  const told = await resumed([
    (response) => cutAfter(response, ": open\n\n"),
    (response, last) => whole(response, after(last)),
  ]);
  assert.equal(told.requests[1].headers["last-event-id"], undefined);
  assert.equal(told.text, TEXT.join(""));
});

test("after the opening its ID is sent", async () => {
  const told = await resumed([
    (response) => cutAfter(response, OPENING),
    (response, last) => whole(response, after(last)),
  ]);
  assert.equal(told.requests[1].headers["last-event-id"], `${ID}:0`);
  assert.equal(told.text, TEXT.join(""));
});

test("without the header nothing follows a break", async () => {
  const told = await resumed([
    (response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(OPENING + EVENTS[0], () => response.destroy());
    },
  ]);
  assert.equal(told.state.code, "truncated");
  assert.equal(told.stream.streamUrl, null);
});

test("a header that is no stream's ID is none", async () => {
  const told = await resumed([
    (response) => {
      response.writeHead(200, { ...HEAD, "X-Stream-ID": "//evil.test/x" });
      response.write(OPENING + EVENTS[0], () => response.destroy());
    },
  ]);
  assert.deepEqual([told.state.code, told.stream.streamUrl], ["truncated", null]);
});

test("an event ID that is no number of a stream is not sent back", async () => {
  const told = await resumed([
    (response) => cutAfter(response, `${EVENTS[0]}${delta("x").trimEnd()}\nid: 你好\n\n`),
    (response, last) => whole(response, after(last)),
  ]);
  assert.equal(told.requests[1].headers["last-event-id"], `${ID}:1`);
});

test("the page's headers go along, and `streams` says where answers are kept", async () => {
  const options = { headers: { Authorization: "Bearer 1" }, streams: "/kept/" };
  const told = await resumed(
    [(response) => cutAfter(response, OPENING), (response, last) => whole(response, after(last))],
    undefined,
    options,
  );
  assert.deepEqual(told.asked, [POST, `GET /kept/${ID}`]);
  assert.equal(told.requests[1].headers.authorization, "Bearer 1");
});

// The ends that a returning reader is told.

const cut = (response) => cutAfter(response, OPENING + EVENTS[0]);

test("204: the answer had ended before", async () => {
  const { state, text } = await resumed([cut, (response) => refuse(response, 204)]);
  assert.deepEqual(state, { name: "ended", reason: "complete", usage: null });
  assert.equal(text, "Once");
});

for (const status of [404, 410]) {
  test(`${status}: not resumed, with the server's words, and nothing is asked again`, async () => {
    const error = JSON.stringify({ error: { code: "expired", message: "It has expired." } });
    const { state } = await resumed([cut, (response) => refuse(response, status, {}, error)]);
    const { name, code, reason } = state;
    assert.deepEqual([name, code, reason], ["failed", "not_resumed", "It has expired."]);
    assert.equal(state.status, status);
  });
}

for (const status of [400, 401, 403, 422]) {
  test(`${status} is the server's refusal`, async () => {
    const { state } = await resumed([cut, (response) => refuse(response, status)]);
    assert.deepEqual([state.name, state.code, state.status], ["failed", "http_error", status]);
  });
}

test("a page in place of the answer is a failure", async () => {
  const { state } = await resumed([cut, (response) => refuse(response, 200, {}, "<h1>Login</h1>")]);
  assert.equal(state.code, "not_an_event_stream");
});

test("an error that the server told before it broke off is the failure", async () => {
  const told = await resumed([
    (response) =>
      cutAfter(response, OPENING + 'event: error\ndata: {"message": "Out of luck"}\n\n'),
  ]);
  assert.deepEqual([told.state.name, told.state.reason], ["failed", "Out of luck"]);
});

test("after a finish_reason the connection's end is the answer's", async () => {
  const { state, asked } = await resumed([(response) => cutAfter(response, chunk({}, "length"))]);
  assert.deepEqual([state.name, state.reason], ["ended", "length"]);
  assert.deepEqual(asked, [POST]);
});

test("an event past the bound would be so again", async () => {
  const large = `data: ${"x".repeat(16_777_217)}\n\n`;
  const { state, asked } = await resumed([(response) => whole(response, large)]);
  assert.equal(state.code, "too_large");
  assert.deepEqual(asked, [POST]);
});

// Gaps.

const gaps = {
  "an event": 'event: gap\ndata: {"lost": 2}\n\n',
  "a comment": ': gap {"lost": 2}\n\n',
};
for (const [form, gap] of Object.entries(gaps)) {
  test(`an answer of which the server has lost a part is not complete: ${form}`, async () => {
    const told = await resumed([
      cut,
      (response) => whole(response, gap + EVENTS.slice(3).join("")),
    ]);
    assert.deepEqual([told.state.name, told.state.reason], ["ended", "gap"]);
    assert.equal(told.text, TEXT[0] + TEXT.slice(3).join(""));
  });
}

test("calls of which a part may be lost are given to nobody", async () => {
  const calls = [];
  const call = { index: 0, id: "a", function: { name: "f", arguments: '{"a": 1' } };
  const bytes = chunk({ tool_calls: [call] }) + gaps["a comment"] + chunk({}, "tool_calls");
  const told = await resumed(
    [(response) => whole(response, bytes + "data: [DONE]\n\n")],
    undefined,
    {
      onToolCalls: (told) => calls.push(told),
    },
  );
  assert.deepEqual([told.state.reason, calls], ["gap", []]);
});

// Tries and their pauses.

for (const status of [408, 425, 429, 500, 502, 503, 504]) {
  test(`${status} may pass, and is asked again`, async () => {
    const told = await resumed([
      cut,
      (response) => refuse(response, status),
      (response) => response.destroy(),
      (response, last) => whole(response, after(last)),
    ]);
    assert.equal(told.text, TEXT.join(""));
    assert.deepEqual(told.asked, [POST, GET, GET, GET]);
  });
}

/** Make each pause end at once, and tell how long it would have been. */
function waits() {
  const told = [];
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (callback, time, ...rest) => {
    const isPause = String(callback).includes("[native code]"); // `fetch` of node has timers, too
    if (isPause) told.push(time);
    return setTimeout(callback, isPause ? 0 : time, ...rest);
  });
  return told;
}

async function pausesOf(replies, options) {
  const told = waits();
  const rest = (response, last) => whole(response, after(last));
  try {
    await resumed([cut, ...replies, rest], undefined, options);
  } finally {
    mock.restoreAll();
  }
  return told;
}

test("pauses are random, up to twice as long after each try without an event, at most 30 s", async () => {
  Math.random = () => 0.75;
  const told = await pausesOf(Array(7).fill((response) => refuse(response, 502)));
  assert.deepEqual(told, [750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500]);
});

test("an event begins the pauses anew, an opening does not", async () => {
  Math.random = () => 0.75;
  const event = (response, last) => cutAfter(response, EVENTS[Number(last.split(":")[1])]);
  const told = await pausesOf([(response) => cutAfter(response, ": open\n\n"), event]);
  assert.deepEqual(told, [750, 1500, 750]);
});

test("Retry-After is waited for, before the random time", async () => {
  Math.random = () => 0.5;
  const told = await pausesOf([(response) => refuse(response, 503, { "Retry-After": "7" })]);
  assert.deepEqual(told, [500, 7000 + 1000]);
});

test("so is the stream's own `retry`", async () => {
  const told = await pausesOf([
    (response) => cutAfter(response, "retry: 2000\n\n"),
    (response) => response.destroy(), // it still holds
  ]);
  assert.deepEqual(told, [0, 2000, 2000]);
});

test("a time to wait is an hour at most", async () => {
  const told = await pausesOf([(response) => cutAfter(response, `retry: ${"9".repeat(30)}\n\n`)]);
  assert.deepEqual(told, [0, 3_600_000]);
});

// A connection that is dead without a sign, and a page that slept.

/** Time stands still, but for `tick`. Connections go on. */
function stopTime() {
  mock.timers.enable({ apis: ["Date", "setInterval"], now: 1_800_000_000_000 });
  return (milliseconds) => mock.timers.tick(milliseconds);
}

/** The page's window, of which node has none. */
function window(hidden = false) {
  const target = new EventTarget();
  globalThis.document = { hidden };
  globalThis.addEventListener = target.addEventListener.bind(target);
  return (name, hidden = false) => {
    globalThis.document.hidden = hidden;
    target.dispatchEvent(new Event(name));
  };
}

afterEach(() => {
  delete globalThis.document;
  delete globalThis.addEventListener;
});

/** A server that writes the opening, an event, and what the test gives it; then the rest by GET. */
async function silent(use, { byGet = (response, last) => whole(response, after(last)) } = {}) {
  const asked = [];
  let tell;
  const answer = (request, response) => {
    asked.push(request.method);
    if (request.method === "DELETE") return refuse(response, 204);
    if (request.method === "GET") return byGet(response, request.headers["last-event-id"]);
    response.writeHead(200, HEAD);
    response.write(OPENING + EVENTS[0]);
    tell = (bytes) => response.write(bytes);
  };
  await withServer(answer, async (url) => {
    const heard = new EventTarget();
    const next = () => once(heard, "bytes");
    const onBytes = () => heard.dispatchEvent(new Event("bytes"));
    const onText = () => heard.dispatchEvent(new Event("text"));
    const stream = Answer.post(url, {}, { onBytes, onText });
    await once(heard, "text");
    await use({ stream, asked, next, tell: (bytes) => tell(bytes) });
  });
}

test("45 s without a byte, and another connection is made", async () => {
  const tick = stopTime();
  await silent(async ({ stream, asked }) => {
    tick(44_000);
    assert.equal(stream.state.name, "streaming");
    tick(1_000);
    assert.equal((await stream.finished).reason, "complete");
    assert.deepEqual(asked, ["POST", "GET"]);
  });
});

test("a heartbeat is a byte", async () => {
  const tick = stopTime();
  await silent(async ({ stream, asked, next, tell }) => {
    for (let beat = 0; beat < 10; beat += 1) {
      tick(30_000);
      tell(": heartbeat\n\n");
      await next();
    }
    assert.deepEqual(asked, ["POST"]);
    stream.leave();
  });
});

for (const event of ["visibilitychange", "pageshow", "online"]) {
  test(`a page that comes back to a silent connection makes another: ${event}`, async () => {
    const tick = stopTime();
    const happens = window(true);
    await silent(async ({ stream, asked }) => {
      tick(30_000);
      happens("visibilitychange", true); // it is hidden: it may sleep on
      assert.equal(stream.state.name, "streaming");
      happens(event);
      assert.equal((await stream.finished).reason, "complete");
      assert.deepEqual(asked, ["POST", "GET"]);
    });
  });
}

for (const [seconds, hidden] of [
  [20, false],
  [30, true],
]) {
  const what = hidden ? "that is being hidden" : "that comes back soon";
  test(`a page ${what} keeps its connection`, async () => {
    const tick = stopTime();
    const happens = window();
    await silent(async ({ stream, asked, tell }) => {
      tick(seconds * 1_000);
      happens("visibilitychange", hidden);
      tell(EVENTS.slice(1).join(""));
      assert.equal((await stream.finished).reason, "complete");
      assert.deepEqual(asked, ["POST"]);
    });
  });
}

test("a connection that is not even accepted is given up as one that falls silent", async () => {
  const tick = stopTime();
  const requests = new EventTarget();
  const byGet = () => requests.dispatchEvent(new Event("get"));
  const isAsked = () => once(requests, "get");
  await silent(
    async ({ stream, asked }) => {
      let next = isAsked();
      tick(45_000);
      await next;
      next = isAsked();
      tick(44_000);
      assert.deepEqual(asked, ["POST", "GET"]);
      tick(1_000);
      await next;
      stream.leave();
    },
    { byGet },
  );
});

test("a page that comes back to a silent connection does not wait, but for this one try", async () => {
  const tick = stopTime();
  const happens = window();
  Math.random = () => 0.75;
  const told = waits();
  const rest = [
    (response) => refuse(response, 502),
    (response, last) => whole(response, after(last)),
  ];
  const wakes = async ({ stream }) => {
    tick(30_000);
    happens("pageshow");
    await stream.finished;
  };
  await silent(wakes, { byGet: (...reply) => rest.shift()(...reply) });
  mock.restoreAll();
  assert.deepEqual(told, [0, 1500]);
});

const wakesWhen = (state, happens) => ({
  onState: ({ name }) => name === state && setImmediate(() => happens("online")),
});

test("a page that comes back ends the pause between two tries", async () => {
  Math.random = () => 1_000; // many minutes
  const options = wakesWhen("reconnecting", window());
  const rest = (response, last) => whole(response, after(last));
  const told = await resumed([cut, rest], undefined, options);
  assert.equal(told.state.reason, "complete");
});

test("but not the pause that the server asked for", async () => {
  const times = [];
  const note = (reply) => (response, last) => times.push(Date.now()) && reply(response, last);
  const replies = [
    cut,
    note((response) => refuse(response, 503, { "Retry-After": "1" })),
    note((response, last) => whole(response, after(last))),
  ];
  await resumed(replies, undefined, wakesWhen("reconnecting", window()));
  assert.ok(times[1] - times[0] >= 950, String(times[1] - times[0]));
});

test("nothing is left on the page after the end", async () => {
  const tick = stopTime();
  const happens = window();
  await silent(async ({ stream, asked }) => {
    stream.stop();
    tick(100_000);
    happens("online");
    assert.deepEqual(
      asked.filter((method) => method !== "DELETE"),
      ["POST"],
    );
  });
});

// Who leaves, and who stops.

test("stop is told to the server, with the page's headers", async () => {
  const deleted = deferred();
  const answer = (request, response) => {
    if (request.method !== "DELETE") return cutAfter(response, OPENING);
    deleted.resolve(request);
    refuse(response, 204);
  };
  await withServer(answer, async (url) => {
    const headers = { Authorization: "Bearer 1" };
    const onState = ({ name }) => name === "waiting" && setImmediate(() => stream.stop());
    const stream = Answer.post(url + "v1/chat/completions", {}, { headers, onState });
    assert.equal((await stream.finished).reason, "stopped");
    const request = await deleted.promise;
    assert.equal(`${request.method} ${request.url}`, DELETE);
    assert.equal(request.headers.authorization, "Bearer 1");
  });
});

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

test("a stop before the server has accepted the request is told as soon as it has", async () => {
  const accept = deferred();
  const deleted = deferred();
  let left;
  const answer = async (request, response) => {
    if (request.method === "DELETE") return deleted.resolve(refuse(response, 204));
    left = once(response, "close");
    accept.resolve(() => response.writeHead(200, HEAD).write(OPENING));
  };
  await withServer(answer, async (url, requests) => {
    const stream = Answer.post(url + "v1/chat/completions", {});
    const accepts = await accept.promise;
    stream.stop();
    assert.equal(stream.state.reason, "stopped");
    accepts();
    await deleted.promise;
    await left;
    assert.deepEqual(
      requests.map(({ method }) => method),
      ["POST", "DELETE"],
    );
    assert.equal(stream.state.reason, "stopped");
  });
});

test("a stop between two tries ends them", async () => {
  Math.random = () => 1_000;
  const deleted = deferred();
  const answer = (request, response) => {
    if (request.method === "POST") return cut(response);
    if (request.method === "DELETE") deleted.resolve();
    refuse(response, 204);
  };
  await withServer(answer, async (url, requests) => {
    const onState = ({ name }) => name === "reconnecting" && setImmediate(() => stream.stop());
    const stream = Answer.post(url, {}, { onState });
    assert.equal((await stream.finished).reason, "stopped");
    await deleted.promise;
    await fetch(url, { method: "PUT" });
    assert.deepEqual(
      requests.map(({ method }) => method),
      ["POST", "DELETE", "PUT"],
    );
  });
});

test("the page's credentials go along, and a stop outlives the page", async () => {
  const inits = [];
  const { fetch } = globalThis;
  globalThis.fetch = (url, init) => inits.push(init) && fetch(url, init);
  const onText = (text) => text === TEXT[2] && stream.stop();
  let stream;
  try {
    await resumed(
      [
        cut,
        (response, last) => cutAfter(response, after(last)),
        (response) => refuse(response, 204),
      ],
      (url, options) => (stream = Answer.post(url, {}, options)),
      { credentials: "include", onText },
    );
  } finally {
    globalThis.fetch = fetch;
  }
  assert.deepEqual(
    inits.map(({ method }) => method ?? "GET"),
    ["POST", "GET", "DELETE"],
  );
  assert.ok(inits.every(({ credentials }) => credentials === "include"));
  assert.equal(inits[2].keepalive, true);
});

test("a stop that can't reach the server is a stop of this side", async () => {
  await silent(async ({ stream }) => {
    stream.streamUrl = "http://127.0.0.1:1/"; // a port without a server
    stream.stop();
    assert.equal((await stream.finished).reason, "stopped");
  });
});

test("leave closes the connection, and the server hears no more of it", async () => {
  const asked = [];
  let left;
  const answer = (request, response) => {
    asked.push(request.method);
    left = once(response, "close");
    response.writeHead(200, HEAD).write(OPENING);
  };
  await withServer(answer, async (url) => {
    const onState = ({ name }) => name === "waiting" && setImmediate(() => stream.leave());
    const stream = Answer.post(url, {}, { onState });
    assert.equal((await stream.finished).reason, "left");
    await left;
    stream.stop();
    assert.equal(stream.state.reason, "left");
    assert.deepEqual(asked, ["POST"]);
  });
});

// Another tab, or the page after a reload.

const attach = (url, options) => Answer.attach(new URL(`streams/${ID}`, url), options);

test("attach reads a kept answer from its start", async () => {
  const headers = { Authorization: "Bearer 1" };
  const told = await resumed([(response, last) => whole(response, after(last))], attach, {
    headers,
  });
  assert.deepEqual(told.asked, [GET]);
  assert.equal(told.requests[0].headers["last-event-id"], undefined);
  assert.equal(told.requests[0].headers.authorization, "Bearer 1");
  assert.equal(told.text, TEXT.join(""));
  assert.ok(told.stream.streamUrl.endsWith(`/v1/chat/streams/${ID}`));
});

test("attach, too, resumes what breaks, also before it begins", async () => {
  const told = await resumed(
    [(response) => response.destroy(), cut, (response, last) => whole(response, after(last))],
    attach,
  );
  assert.deepEqual(told.asked, [GET, GET, GET]);
  assert.equal(told.text, TEXT.join(""));
});

test("attach to an answer that is no more fails at once", async () => {
  const { state } = await resumed([(response) => refuse(response, 410)], attach);
  assert.deepEqual([state.name, state.code], ["failed", "not_resumed"]);
});

test("an answer that another tab has stopped ends as its server says", async () => {
  const { state } = await resumed(
    [(response) => whole(response, EVENTS[0] + end("cancelled"))],
    attach,
  );
  assert.deepEqual(state, { name: "ended", reason: "cancelled", usage: null });
});

// EventSource, which hides heartbeats and statuses, hands over.

/** `Answer.get` whose EventSource has had the first event. */
function got(url, options) {
  globalThis.EventSource = ScriptedEventSource;
  const stream = Answer.get(url, options);
  const source = ScriptedEventSource.latest;
  source.open();
  source.receive("opened", { ended: false, message: "" }, `${ID}:0`);
  source.receive("message", { ended: false, message: TEXT[0] }, `${ID}:1`);
  return { stream, source };
}

/** An answer by GET, to whose EventSource `use(source)` does something; the rest comes by `fetch`. */
function handedOver(use) {
  const replies = [(response, last) => whole(response, after(last))];
  return resumed(replies, (url, options) => {
    const { stream, source } = got(url, options);
    use(source);
    return stream;
  });
}

for (const readyState of ["CONNECTING", "CLOSED"]) {
  test(`GET: a break of a kept answer is followed by a fetch: ${readyState}`, async () => {
    const told = await handedOver((source) => source.break(source[readyState]));
    assert.deepEqual(told.asked, [GET]);
    assert.equal(told.requests[0].headers["last-event-id"], `${ID}:1`);
    assert.equal(told.text, TEXT.join(""));
    assert.equal(ScriptedEventSource.latest.readyState, 2);
  });
}

test("GET: so is a silence", async () => {
  const tick = stopTime();
  const told = await handedOver(() => tick(45_000));
  assert.equal(told.text, TEXT.join(""));
  assert.equal(ScriptedEventSource.latest.readyState, 2);
});

test("GET: an event is a sign of life", async () => {
  const tick = stopTime();
  const { stream, source } = got("http://127.0.0.1:1/");
  for (let number = 2; number < 10; number += 1) {
    tick(30_000);
    source.receive("message", { ended: false, message: "a" }, `${ID}:${number}`);
  }
  assert.equal(source.readyState, source.OPEN);
  stream.leave();
});

test("GET: one connection at a time follows", async () => {
  const tick = stopTime();
  const happens = window();
  Math.random = () => 1_000;
  const told = await handedOver((source) => {
    source.break(source.CONNECTING);
    tick(60_000);
    happens("online");
  });
  assert.deepEqual(told.asked, [GET]);
  assert.equal(told.text, TEXT.join(""));
});

test("GET: stop is told to the server", async () => {
  const deleted = deferred();
  const answer = (request, response) => deleted.resolve(request) ?? refuse(response, 204);
  await withServer(answer, async (origin) => {
    const { stream, source } = got(origin + "v1/chat/stream");
    stream.stop();
    assert.equal(source.readyState, source.CLOSED);
    const { method, url } = await deleted.promise;
    assert.equal(`${method} ${url}`, DELETE);
  });
});
