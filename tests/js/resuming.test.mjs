/** `Answer` with a server that keeps its answers: what it asks for, and how that ends. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EVENTS, GET, HEAD, ID, OPENING, POST, TEXT } from "./kept.mjs";
import { after, cut, cutAfter, refuse, resumed, whole } from "./kept.mjs";
import { Answer, chunk, delta, end, randomFrom, withServer } from "./support.mjs";

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

test("so is a body that ends before it says what it is", async () => {
  for (let length = 0; length <= "event:".length; length += 1) {
    const told = await resumed([
      cut,
      (response, last) => whole(response, after(last).slice(0, length)),
      (response, last) => whole(response, after(last)),
    ]);
    assert.deepEqual([told.state.reason, told.text], ["complete", TEXT.join("")]);
  }
});

test("but not the one of a `fetch` that has no bodies", async () => {
  const bodiless = async () => new Response(null, { headers: HEAD });
  const { finished } = Answer.post("http://localhost/", {}, { fetch: bodiless });
  assert.equal((await finished).code, "not_an_event_stream");
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

test("an end of several events is resumed in its middle", async () => {
  const numbered = (block, number) => block.replace(/\n$/, `id: ${ID}:${number}\n\n`);
  const told = await resumed([
    (response) => cutAfter(response, numbered("data: {}\n\n", "end.1")),
    (response) => whole(response, chunk({}, "length") + numbered("data: [DONE]\n\n", "ended")),
  ]);
  assert.equal(told.requests[1].headers["last-event-id"], `${ID}:end.1`);
  assert.equal(told.state.reason, "length");
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

test("an error behind which the answer went on is not why it broke off", async () => {
  const own = 'event: error\ndata: {"message": "Row 5 is bad"}\n\n';
  const told = await resumed([
    (response) => cutAfter(response, OPENING + EVENTS[0] + own + EVENTS[1]),
    (response, last) => whole(response, after(last)),
  ]);
  assert.deepEqual([told.text, told.state.name], [TEXT.join(""), "ended"]);
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

/** The path of the request that follows a cut, where the response has this `Content-Location`. */
async function followed(location, options = {}) {
  const told = await resumed(
    [
      (response) => {
        const here = response.req.headers.host;
        cutAfter(response, OPENING, { "Content-Location": location.replace("{here}", here) });
      },
      (response, last) => whole(response, after(last)),
    ],
    undefined,
    options,
  );
  assert.equal(told.text, TEXT.join(""));
  return told.asked[1].replace("GET ", "");
}

test("the response says where its stream is kept", async () => {
  const said = {
    [`streams/${ID}`]: `/v1/chat/streams/${ID}`,
    [`../../kept/${ID}`]: `/kept/${ID}`,
    "/answers/7?a=b": "/answers/7?a=b",
    "http://{here}/answers/7": "/answers/7",
  };
  for (const [location, path] of Object.entries(said)) assert.equal(await followed(location), path);
});

test("an address of another origin, or none, is not followed: the credentials would go there", async () => {
  const others = ["http://localhost.example/a", "https://{here}/a", "//127.0.0.1:1/a", "http://[", ""];
  others.push("blob:http://{here}/a", "//ada:secret@{here}/a", "javascript:0", "data:,a");
  for (const location of others)
    assert.equal(await followed(location), `/v1/chat/streams/${ID}`, location);
});

test("what the page says comes first", async () => {
  assert.equal(await followed("/other", { streams: "/kept/" }), `/kept/${ID}`);
});

test("it is relative to the address behind the redirects", async () => {
  const told = await resumed([
    (response) => refuse(response, 307, { Location: "/v2/ask" }),
    (response) => cutAfter(response, OPENING, { "Content-Location": `kept/${ID}` }),
    (response, last) => whole(response, after(last)),
  ]);
  assert.deepEqual(told.asked.slice(1), ["POST /v2/ask", `GET /v2/kept/${ID}`]);
});

/** The logins of the requests, where a redirect leads to another origin. */
async function logins(options) {
  const reply = (request, response) =>
    request.method === "POST"
      ? cutAfter(response, OPENING)
      : whole(response, after(request.headers["last-event-id"]));
  let asked;
  await withServer(reply, async (other, theirs) => {
    const away = (request, response) =>
      request.method === "POST"
        ? refuse(response, 307, { Location: `${other}ask` })
        : reply(request, response);
    await withServer(away, async (url, ours) => {
      const headers = { Authorization: "Bearer 1", "X-Team": "sea" };
      const { finished } = Answer.post(`${url}ask`, {}, { headers, ...options(url) });
      assert.equal((await finished).reason, "complete");
      asked = [ours, theirs].map((all) => all.map(({ headers }) => headers.authorization));
      assert.ok([...ours, ...theirs].every(({ headers }) => headers["x-team"] === "sea"));
    });
  });
  return asked;
}

test("another origin gets no login with the reader who comes back, as behind a redirect", async () => {
  assert.deepEqual(await logins(() => ({})), [["Bearer 1"], [undefined, undefined]]);
});

test("the page's own origin gets it, where its streams are there", async () => {
  const streams = (url) => ({ streams: `${url}kept/` });
  assert.deepEqual(await logins(streams), [["Bearer 1", "Bearer 1"], [undefined]]);
});

test("an answer that is not kept has no stream, wherever its response is", async () => {
  const headers = { "Content-Type": "text/event-stream", "Content-Location": "/other" };
  const told = await resumed([(response) => refuse(response, 200, headers, delta("Once"))]);
  assert.deepEqual([told.state.code, told.stream.streamUrl], ["truncated", null]);
});

test("the address of an attached answer stays", async () => {
  const headers = { ...HEAD, "Content-Location": "/other" };
  const told = await resumed(
    [(response) => refuse(response, 200, headers, after(""))],
    (url, options) => Answer.attach(`${url}/7`, options),
  );
  assert.ok(told.stream.streamUrl.endsWith("/v1/chat/completions/7"));
});
