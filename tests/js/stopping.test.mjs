/** Who stops a kept answer, who leaves it, and who comes to it from another tab. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { DELETE, EVENTS, GET, HEAD, ID, OPENING, TEXT } from "./kept.mjs";
import { after, cut, cutAfter, deferred, refuse, resumed, silent, whole } from "./kept.mjs";
import { Answer, end, withServer } from "./support.mjs";

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
