/** When `Answer` connects again: the pauses, a connection that is dead, a page that slept. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mock, test } from "node:test";

import { EVENTS, GET, HEAD, OPENING, POST, TEXT } from "./kept.mjs";
import {
  after,
  cut,
  cutAfter,
  deferred,
  refuse,
  resumed,
  silent,
  stopTime,
  waits,
  whole,
  window,
} from "./kept.mjs";
import { Answer, begin, delta, withServer } from "./support.mjs";

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

async function pausesOf(replies, options) {
  const told = waits();
  const rest = (response, last) => whole(response, after(last));
  await resumed([cut, ...replies, rest], undefined, options);
  return told;
}

test("pauses are random, up to twice as long after each try without an event, at most 10 s", async () => {
  Math.random = () => 0.75;
  const told = await pausesOf(Array(7).fill((response) => refuse(response, 502)));
  assert.deepEqual(told, [750, 1500, 3000, 6000, 7500, 7500, 7500, 7500]);
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

test("a server that can't go on says so with 200, and the answer is reconnecting all the time", async () => {
  const told = waits();
  const sendOff = (response) => {
    response.writeHead(200, { ...HEAD, "Retry-After": "1" });
    response.end("retry: 3000\n");
  };
  const { names, text } = await resumed([
    cut,
    sendOff,
    sendOff,
    (response, last) => whole(response, after(last)),
  ]);
  assert.equal(text, TEXT.join(""));
  assert.deepEqual(told, [0, 3000, 3000]);
  const again = ["reconnecting", "reconnecting", "reconnecting"];
  assert.deepEqual(names, ["waiting", "streaming", ...again, "streaming", "ended"]);
});

test("a time to wait is an hour at most", async () => {
  const told = await pausesOf([(response) => cutAfter(response, `retry: ${"9".repeat(30)}\n\n`)]);
  assert.deepEqual(told, [0, 3_600_000]);
});

// A connection that is dead without a sign, and a page that slept.

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

test("a clock that was set back hides no silence", async () => {
  const tick = stopTime();
  await silent(async ({ stream, asked }) => {
    tick.back(3_600_000);
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

for (const event of ["visibilitychange", "pageshow"]) {
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

test("a page that is online again makes another connection at once, shown or hidden", async () => {
  const happens = window(true);
  await silent(async ({ stream, asked }) => {
    happens("online", true);
    assert.equal((await stream.finished).reason, "complete");
    assert.deepEqual(asked, ["POST", "GET"]);
  });
});

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
  const pauses = waits();
  const requests = new EventTarget();
  const byGet = () => requests.dispatchEvent(new Event("get"));
  const isAsked = () => once(requests, "get");
  await silent(
    async ({ stream, asked, url }) => {
      let next = isAsked();
      tick(45_000);
      await next;
      next = isAsked();
      tick(44_000);
      await fetch(url, { method: "DELETE" });
      assert.deepEqual(asked, ["POST", "GET", "DELETE"]);
      assert.equal(pauses.length, 1);
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
  assert.deepEqual(told, [0, 1500]);
});

const wakesWhen = (state, happens) => ({
  onState: ({ name }) => name === state && setImmediate(() => happens("pageshow")),
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

// The browser's back-forward cache, where a page is kept as it is, without its connections.

const cached = { persisted: true };

test("a page that goes into the cache lets its answer go, and goes on when it is shown", async () => {
  const happens = window();
  Math.random = () => 1_000; // many minutes
  const names = [];
  const shown = () => happens("visibilitychange") ?? happens("pageshow", false, cached);
  const moves = { reconnecting: shown, streaming: () => happens("pagehide", true, cached) };
  const onState = ({ name }) => {
    names.push(name);
    if (moves[name]) setImmediate(moves[name]);
    if (name === "reconnecting") delete moves.streaming;
  };
  const left = deferred();
  const first = (response) => {
    response.on("close", left.resolve);
    response.writeHead(200, HEAD).write(OPENING + EVENTS[0]);
  };
  const rest = (response, last) => whole(response, after(last));
  const told = await resumed([first, rest], undefined, { onState });
  await left.promise;
  assert.equal(told.text, TEXT.join(""));
  assert.deepEqual(told.asked, [POST, GET]);
  assert.deepEqual(names, ["waiting", "streaming", "reconnecting", "streaming", "ended"]);
});

test("an answer that can't be resumed is left by a page that goes into the cache", async () => {
  const happens = window();
  const left = deferred();
  const answer = (_request, response) => {
    response.on("close", left.resolve);
    begin(response, delta("Once"));
  };
  await withServer(answer, async (url) => {
    const onText = () => happens("pagehide", true, cached);
    const { name, reason } = await Answer.post(url, {}, { onText }).finished;
    assert.deepEqual([name, reason], ["ended", "left"]);
    await left.promise;
  });
});

/** The end of an answer that is not kept, whose connection breaks behind `beforeunload`. */
async function broken(then) {
  const happens = window();
  const due = []; // what is to be called in 10 s
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (callback, time, ...rest) =>
    time === 10_000 ? due.push(callback) : setTimeout(callback, time, ...rest),
  );
  const isCut = deferred();
  let cut;
  const answer = (request, response) => {
    if (request.method === "HEAD") return refuse(response, 204);
    response.on("close", isCut.resolve);
    begin(response, delta("Once"));
    cut = () => response.destroy();
  };
  return withServer(answer, async (url) => {
    const onText = () => {
      for (const _click of [1, 2]) happens("beforeunload");
      cut();
    };
    const stream = Answer.post(url, {}, { onText });
    await isCut.promise;
    await fetch(url, { method: "HEAD" }); // by then the break is known
    then(happens, due);
    const { name, code, reason } = await stream.finished;
    return `${name}: ${code ?? reason}`;
  });
}

test("a connection that breaks before the page goes into the cache is no failure", async () => {
  const sleeps = (happens) => happens("pagehide", true, cached);
  assert.equal(await broken(sleeps), "ended: left");
});

test("a page that stays is told of a break after 10 s", async () => {
  const passes = (_happens, due) => due.forEach((pass) => pass());
  assert.equal(await broken(passes), "failed: truncated");
});

test("a page that is closed or reloaded is not told of it", async () => {
  const happens = window();
  await silent(async ({ stream, tell }) => {
    happens("pagehide", true, { persisted: false });
    tell(EVENTS.slice(1).join(""));
    assert.equal((await stream.finished).reason, "complete");
  });
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
