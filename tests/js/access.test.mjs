/** How a server is asked: `headers`, `credentials`, `fetch` and `signal`, wherever a connection begins. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { ID, cut, cutAfter, deferred, refuse, resumed, whole } from "./kept.mjs";
import { EVENTS, HEAD, OPENING, after } from "./kept.mjs";
import {
  Answer,
  StreamFailure,
  all,
  begin,
  delta,
  end,
  postEvents,
  withServer,
} from "./support.mjs";

const WAYS = {
  "Answer.post": (url, options) => Answer.post(url, {}, options).finished,
  "Answer.get": (url, options) => Answer.get(url, options).finished,
  "Answer.attach": (url, options) => Answer.attach(url, options).finished,
  postEvents: (url, options) => all(postEvents(url, {}, options)),
};
const whatever = (_request, response) => {
  begin(response, delta("Once") + end());
  response.end();
};

for (const [name, ask] of Object.entries(WAYS)) {
  test(`${name}: the page's own fetch is called in place of the global one`, async () => {
    await withServer(whatever, async (url, requests) => {
      const told = [];
      const own = function (address, init) {
        told.push([String(address), init.credentials, this]);
        return fetch(address, init);
      };
      await ask(url, { fetch: own, credentials: "include" });
      assert.deepEqual(told, [[url, "include", undefined]]);
      assert.equal(requests.length, 1);
    });
  });

  test(`${name}: headers may come from a function, which may wait`, async () => {
    await withServer(whatever, async (url, requests) => {
      await ask(url, { headers: async () => ({ Authorization: "Bearer 1" }) });
      assert.equal(requests[0].headers.authorization, "Bearer 1");
      assert.equal(requests[0].headers.accept, "text/event-stream");
    });
  });

  test(`${name}: a signal that is aborted before asks for nothing`, async () => {
    await withServer(whatever, async (url, requests) => {
      const outcome = await ask(url, { signal: AbortSignal.abort() }).catch(({ name }) => name);
      assert.equal(outcome.reason ?? outcome, outcome.reason ? "left" : "AbortError");
      assert.equal(requests.length, 0);
    });
  });

  test(`${name}: an abort closes the connection`, async () => {
    const controller = new AbortController();
    let left;
    const answer = (_request, response) => {
      left = once(response, "close");
      begin(response, delta("Once"));
      controller.abort();
    };
    await withServer(answer, async (url) => {
      await ask(url, { signal: controller.signal }).catch(({ name }) => name);
      await left;
    });
  });
}

for (const name of ["Answer.post", "Answer.get", "Answer.attach"]) {
  test(`${name}: headers that HTTP can't hold are told at the call`, () => {
    assert.throws(() => WAYS[name]("http://127.0.0.1:1/", { headers: { "a b": "c" } }), TypeError);
  });
}

test("an address of streams without its slash is told at the call", () => {
  const ask = () => Answer.post("http://127.0.0.1:1/", {}, { streams: "/v1/chat/streams" });
  assert.throws(ask, /streams has to be an address with a slash at the end, not \/v1\/chat\/streams/);
});

test("postEvents: headers that HTTP can't hold are told as such", async () => {
  await assert.rejects(WAYS.postEvents("/", { headers: { "a b": "c" } }), TypeError);
});

test("each request has the headers of its time, also the stop", async () => {
  let count = 0;
  const headers = () => ({ Authorization: `Bearer ${(count += 1)}` });
  const stopped = deferred();
  const asked = [];
  const own = (url, init) => {
    asked.push(`${init.method ?? "GET"} ${init.headers.get("Authorization")}`);
    if (init.method === "DELETE") stopped.resolve();
    return fetch(url, init);
  };
  let stream;
  await resumed(
    [cut, (response, last) => cutAfter(response, after(last)), (response) => refuse(response, 204)],
    (url, options) => (stream = Answer.post(url, {}, options)),
    { headers, fetch: own, onText: (text) => text === " upon" && stream.stop() },
  );
  await stopped.promise;
  assert.deepEqual(asked, ["POST Bearer 1", "GET Bearer 2", "DELETE Bearer 3"]);
});

test("a function for headers that fails is a failure, and while an answer is kept another try", async () => {
  const refusing = () => Promise.reject(new Error("no token"));
  const state = await Answer.post("http://127.0.0.1:1/", {}, { headers: refusing }).finished;
  assert.deepEqual([state.name, state.code], ["failed", "network"]);
  let count = 0;
  const once = () => ((count += 1) === 2 ? refusing() : {});
  const told = await resumed([cut, (response, last) => whole(response, after(last))], undefined, {
    headers: once,
  });
  assert.equal(told.state.reason, "complete");
  assert.equal(count, 3);
});

for (const end of ["leave", "stop"])
  test(`an answer that is over before its headers are there asks for nothing: ${end}`, async () => {
    const token = deferred();
    const asked = [];
    const stream = Answer.post("/", {}, { headers: () => token.promise, fetch: (url) => asked.push(url) });
    stream[end]();
    token.resolve({});
    await token.promise;
    await new Promise(setImmediate);
    assert.deepEqual(asked, []);
  });

test("postEvents: the cause of a failure is kept", async () => {
  const cause = new Error("no token");
  const headers = () => Promise.reject(cause);
  const failure = await WAYS.postEvents("/", { headers }).catch((error) => error);
  assert.ok(failure instanceof StreamFailure);
  assert.equal(failure.cause, cause);
});

test("a page's own fetch may answer by itself, also with an answer that is kept", async () => {
  const asked = [];
  const replies = [OPENING + EVENTS[0], EVENTS.slice(1).join("")];
  const own = async (url, { method = "GET" }) => {
    asked.push(`${method} ${url}`);
    return new Response(replies.shift(), { headers: HEAD });
  };
  const state = await Answer.post("http://site.test/v1/chat/completions", {}, { fetch: own })
    .finished;
  assert.equal(state.reason, "complete");
  assert.deepEqual(asked, [
    "POST http://site.test/v1/chat/completions",
    `GET http://site.test/v1/chat/streams/${ID}`,
  ]);
});

test("the signal is let go at the end", async () => {
  const { signal } = new AbortController();
  const listening = new Set();
  const { addEventListener } = signal;
  signal.addEventListener = (name, listener, options) => {
    listening.add(listener);
    options.signal.addEventListener("abort", () => listening.delete(listener));
    addEventListener.call(signal, name, listener, options);
  };
  await withServer(whatever, (url) => Answer.post(url, {}, { signal }).finished);
  assert.equal(listening.size, 0);
});
