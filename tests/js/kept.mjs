/** A server that keeps one answer, and a page with a clock and a window of its own. */

import { once } from "node:events";
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";

import { Answer, delta, end, withServer } from "./support.mjs";

export const ID = "Zb3_k-9QxT7fLw2mVhRcYd5sJgPnUa8e";
export const TEXT = ["Once", " upon", " a", " “time”", " 你好", " 👋."];

/** The events of one answer, with their numbers. */
export const EVENTS = [...TEXT.map(delta), end()].map((block, index) => {
  const number = index < TEXT.length ? index + 1 : "ended";
  return block.replace(/\n(id: ended\n)?\n$/, `\nid: ${ID}:${number}\n\n`);
});
export const OPENING = `: open\n\nevent: opened\ndata: {"ended": false, "message": ""}\nid: ${ID}:0\n\n`;

/** What a reader gets who has had all up to this event ID. */
export function after(lastEventId) {
  if (!lastEventId) return OPENING + EVENTS.join("");
  return EVENTS.slice(Number(lastEventId.split(":")[1])).join("");
}

export const HEAD = { "Content-Type": "text/event-stream", "X-Stream-ID": ID };

/** Write to a reader, and break the connection when it has gone out. */
export function cutAfter(response, bytes, headers = {}) {
  response.writeHead(200, { ...HEAD, ...headers });
  response.flushHeaders();
  response.write(bytes, () => setImmediate(() => response.destroy()));
}

export function whole(response, bytes) {
  response.writeHead(200, HEAD);
  response.end(bytes);
}

export function refuse(response, status, headers = {}, body = "") {
  response.writeHead(status, headers);
  response.end(body);
}

/** An answer whose requests are answered by these functions, one after the other. */
export async function resumed(
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

export const POST = "POST /v1/chat/completions";
export const GET = `GET /v1/chat/streams/${ID}`;
export const DELETE = `DELETE /v1/chat/streams/${ID}`;

const random = Math.random;
beforeEach(() => (Math.random = () => 0)); // no wait but those that the server asks for
afterEach(() => {
  Math.random = random;
  mock.restoreAll();
});

/** The first connection of many tests. */
export const cut = (response) => cutAfter(response, OPENING + EVENTS[0]);

/** Make each pause end at once, and tell how long it would have been. */
export function waits() {
  const told = [];
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (callback, time, ...rest) => {
    const isPause = String(callback).includes("[native code]"); // `fetch` of node has timers, too
    if (isPause) told.push(time);
    return setTimeout(callback, isPause ? 0 : time, ...rest);
  });
  return told;
}

/** Time stands still, but for the function that is returned, and `back` of it. Connections go on. */
export function stopTime() {
  let now = Date.now();
  const everySecond = new Set();
  mock.method(Date, "now", () => now);
  mock.method(globalThis, "setInterval", (callback, period) => {
    assert.equal(period, 1_000);
    everySecond.add(callback);
    return callback;
  });
  mock.method(globalThis, "clearInterval", (callback) => everySecond.delete(callback));
  const tick = (milliseconds) => {
    for (const end = now + milliseconds; now < end;) {
      now += 1_000;
      for (const callback of everySecond) callback();
    }
  };
  return Object.assign(tick, { back: (milliseconds) => (now -= milliseconds) });
}

/** The page's window, of which node has none. */
export function window(hidden = false) {
  const target = new EventTarget();
  globalThis.document = { hidden };
  globalThis.addEventListener = target.addEventListener.bind(target);
  return (name, hidden = false, members = {}) => {
    globalThis.document.hidden = hidden;
    target.dispatchEvent(Object.assign(new Event(name), members));
  };
}

afterEach(() => {
  delete globalThis.document;
  delete globalThis.addEventListener;
});

/** A server that writes the opening, an event, and what the test gives it; then the rest by GET. */
export async function silent(
  use,
  { byGet = (response, last) => whole(response, after(last)) } = {},
) {
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
    await use({ stream, asked, next, url, tell: (bytes) => tell(bytes) });
  });
}

export function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}
