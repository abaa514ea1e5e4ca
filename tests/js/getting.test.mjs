/** `Answer.get`: what it asks for, and how it comes back to an answer, kept or not. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mock, test } from "node:test";

import { DELETE, EVENTS, GET, HEAD, ID, OPENING, TEXT } from "./kept.mjs";
import { after, cut, cutAfter, deferred, refuse, resumed, stopTime, whole } from "./kept.mjs";
import { Answer, begin, chunk, delta, end, withServer } from "./support.mjs";

const BY_GET = "GET /v1/chat/completions";
const byGet = (url, options) => Answer.get(url, options);

/** An answer by GET, whose requests are answered by these functions, one after the other. */
const got = (...replies) => resumed(replies, byGet);

/** An event of an answer that is not kept, whose server counts nevertheless. */
const numbered = (text, id) => delta(text).replace(/\n$/, `id: ${id}\n\n`);

const plain = (bytes) => (response) => {
  begin(response, bytes);
  response.end();
};

test("it asks once, for an event stream, past the cache", async () => {
  const told = await got(plain(delta("Once") + end()));
  assert.deepEqual(told.asked, [BY_GET]);
  const [{ headers }] = told.requests;
  assert.equal(headers.accept, "text/event-stream");
  assert.equal(headers["content-type"], undefined);
  assert.equal(headers["last-event-id"], undefined);
  assert.equal(headers["cache-control"], "no-cache"); // as `fetch` says `no-store`
});

test("its states and its text are those of a POST", async () => {
  const told = await got(plain(": open\n\n" + delta("Once") + delta(" upon") + end()));
  assert.deepEqual(told.names, ["waiting", "streaming", "ended"]);
  assert.equal(told.text, "Once upon");
});

test("events of any type are read, as those of a POST", async () => {
  const token = delta("Once").replace("message", "token");
  assert.equal((await got(plain(token + end()))).text, "Once");
});

test("chunks in OpenAI's form end with [DONE]", async () => {
  const told = await got(plain(chunk({ content: "Once" }) + "data: [DONE]\n\n"));
  assert.deepEqual([told.text, told.state.reason], ["Once", "complete"]);
});

test("a refusal is told with its status and its words", async () => {
  const error = '{"error": {"code": "too_many_streams", "message": "Too many."}}';
  const { state } = await got((response) => refuse(response, 503, { "Retry-After": "3" }, error));
  assert.deepEqual(
    [state.name, state.reason, state.code, state.status, state.retryAfter],
    ["failed", "Too many.", "too_many_streams", 503, 3],
  );
});

test("what breaks before it has begun is not asked for again", async () => {
  const { state, asked } = await got((response) => response.destroy());
  assert.deepEqual([state.code, asked], ["network", [BY_GET]]);
});

// An answer that is not kept. The server says whether it may be asked for again.

test("a break is followed by a GET with the last event ID", async () => {
  const told = await got(
    (response) => cutPlain(response, numbered("Once", "7")),
    plain(numbered(" upon", "8") + end()),
  );
  assert.deepEqual(told.asked, [BY_GET, BY_GET]);
  assert.equal(told.requests[1].headers["last-event-id"], "7");
  assert.equal(told.text, "Once upon");
  assert.deepEqual(told.names, ["waiting", "streaming", "reconnecting", "streaming", "ended"]);
});

function cutPlain(response, bytes) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(bytes, () => setImmediate(() => response.destroy()));
}

test("without an event ID it would begin anew: that is a failure", async () => {
  const { state, asked } = await got((response) => cutPlain(response, delta("Once")));
  assert.deepEqual([state.code, asked], ["truncated", [BY_GET]]);
});

for (const [status, name, code] of [
  [410, "failed", "not_resumed"],
  [404, "failed", "not_resumed"],
  [204, "ended", undefined],
  [403, "failed", "http_error"],
]) {
  test(`${status} forbids it`, async () => {
    const { state, asked } = await got(
      (response) => cutPlain(response, numbered("Once", "7")),
      (response) => refuse(response, status),
    );
    assert.deepEqual([state.name, state.code, asked.length], [name, code, 2]);
  });
}

test("a silence is none of a server that may have no heartbeats", async () => {
  const tick = stopTime();
  const opened = deferred();
  let respond;
  const silent = (response) => {
    respond = () => response.end(end());
    begin(response, numbered("Once", "7"));
  };
  const running = resumed([silent], byGet, { onText: opened.resolve });
  await opened.promise;
  tick(100_000);
  respond();
  const { state, asked } = await running;
  assert.deepEqual([state.reason, asked], ["complete", [BY_GET]]);
});

// An answer that is kept.

test("a break of a kept answer is followed by a GET of the place where it is kept", async () => {
  const told = await got(cut, (response, last) => whole(response, after(last)));
  assert.deepEqual(told.asked, [BY_GET, GET]);
  assert.equal(told.requests[1].headers["last-event-id"], `${ID}:1`);
  assert.equal(told.text, TEXT.join(""));
});

test("a kept answer is found by its header alone, also before its first event", async () => {
  const told = await got(
    (response) => cutAfter(response, ": open\n\n"),
    (response, last) => whole(response, after(last)),
  );
  assert.deepEqual(told.asked, [BY_GET, GET]);
  assert.equal(told.text, TEXT.join(""));
});

test("45 s without a byte are followed by another connection", async () => {
  const tick = stopTime();
  const opened = deferred();
  const replies = [
    (response) => response.writeHead(200, HEAD).write(OPENING + EVENTS[0]),
    (response, last) => whole(response, after(last)),
  ];
  const running = resumed(replies, byGet, { onText: opened.resolve });
  await opened.promise;
  tick(44_000);
  tick(1_000);
  assert.deepEqual((await running).asked, [BY_GET, GET]);
});

// Stopping.

/** What is asked when an answer by GET is stopped at this moment. */
async function stopped(moment) {
  const deleted = deferred();
  let stream;
  let left;
  const answer = (request, response) => {
    if (request.method === "DELETE") return deleted.resolve(request) ?? refuse(response, 204);
    left = once(response, "close");
    if (moment === "before the server has answered") stream.stop();
    response.writeHead(200, HEAD).write(OPENING);
  };
  await withServer(answer, async (origin) => {
    const onState = ({ name }) => name === moment && setImmediate(() => stream.stop());
    stream = Answer.get(origin + "v1/chat/stream", { onState });
    const { method, url } = await deleted.promise;
    assert.equal(`${method} ${url}`, DELETE);
    await left;
    assert.equal(stream.state.reason, "stopped");
  });
}

for (const moment of ["before the server has answered", "waiting"])
  test(`a stop is told to the server: ${moment}`, () => stopped(moment));

/** Timers that close a connection are due when the test says how much time has passed. */
function closers() {
  const waiting = [];
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (callback, time, ...rest) => {
    if (!String(callback).includes("abort")) return setTimeout(callback, time, ...rest);
    waiting.push({ callback, time });
  });
  return (passed) => waiting.filter(({ time }) => time <= passed).forEach(({ callback }) => callback());
}

test("a stop is told to a server that holds its answer back for 14 s", async () => {
  const pass = closers();
  const deleted = deferred();
  let stream;
  const answer = (request, response) => {
    if (request.method === "DELETE") return deleted.resolve(request) ?? refuse(response, 204);
    stream.stop();
    pass(14_000);
    response.writeHead(200, HEAD).write(OPENING);
  };
  await withServer(answer, async (origin) => {
    stream = Answer.get(origin + "v1/chat/stream");
    const { method, url } = await deleted.promise;
    assert.equal(`${method} ${url}`, DELETE);
  });
});

test("a stop of a request that is never answered closes it after 15 s", async () => {
  const pass = closers();
  const asked = deferred();
  const answer = (_request, response) => asked.resolve({ left: once(response, "close") });
  await withServer(answer, async (url) => {
    const stream = Answer.get(url);
    const { left } = await asked.promise;
    stream.stop();
    assert.equal(stream.state.reason, "stopped");
    pass(15_000);
    await left;
  });
});
