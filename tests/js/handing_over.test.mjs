/** `EventSource` hides heartbeats and statuses: a kept answer goes over to `fetch`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { DELETE, GET, ID, TEXT } from "./kept.mjs";
import { after, deferred, got, refuse, resumed, stopTime, whole, window } from "./kept.mjs";
import { Answer, ScriptedEventSource, withServer } from "./support.mjs";

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

test("GET: the opening of an answer that is not kept leads nowhere", () => {
  globalThis.EventSource = ScriptedEventSource;
  const stream = Answer.get("http://127.0.0.1:1/");
  const source = ScriptedEventSource.latest;
  source.open();
  source.receive("opened", { ended: false, message: "" }, "0123456789abcdef0123456789abcdef:0");
  assert.equal(stream.streamUrl, null);
  source.break(source.CLOSED);
  assert.equal(stream.state.code, "not_resumed");
});

/** What is asked when an answer by GET has its opening, and is stopped then or before. */
async function stoppedEarly(use) {
  const deleted = deferred();
  const answer = (request, response) => deleted.resolve(request) ?? refuse(response, 204);
  await withServer(answer, async (origin) => {
    globalThis.EventSource = ScriptedEventSource;
    const stream = Answer.get(origin + "v1/chat/stream");
    const source = ScriptedEventSource.latest;
    const open = () => source.open();
    const receive = () => source.receive("opened", { ended: false, message: "" }, `${ID}:0`);
    use(stream, open, receive);
    assert.equal(source.readyState, source.CLOSED);
    assert.equal(stream.state.reason, "stopped");
    const { method, url } = await deleted.promise;
    assert.equal(`${method} ${url}`, DELETE);
  });
}

test("GET: stop is told to the server, also before the first token", () =>
  stoppedEarly((stream, open, receive) => {
    open();
    receive();
    stream.stop();
  }));

test("GET: stop is told to the server, also before its opening has come", () =>
  stoppedEarly((stream, open, receive) => {
    open();
    stream.stop();
    receive();
  }));

test("GET: stop is told to the server, also before it has answered", () =>
  stoppedEarly((stream, open, receive) => {
    stream.stop();
    open();
    receive();
  }));
