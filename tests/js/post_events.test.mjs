/** `postEvents` against a real HTTP server. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { StreamFailure, all, begin, delta, end, postEvents, withServer } from "./support.mjs";

/** What a refusal looks like to the caller. */
function refusal(answer, init) {
  return withServer(answer, async (url, requests) => {
    const failure = await all(postEvents(url, {}, init)).then(assert.fail, (error) => error);
    assert.ok(failure instanceof StreamFailure, String(failure));
    assert.equal(requests.length, 1);
    return { message: failure.message, ...JSON.parse(JSON.stringify(failure.facts)) };
  });
}

test("the body goes as JSON and asks for an event stream, beside the caller's headers", async () => {
  const answer = (_request, response) => {
    begin(response);
    response.end();
  };
  await withServer(answer, async (url, requests) => {
    await all(postEvents(url, { prompt: "你好" }, { headers: { Authorization: "Bearer 1" } }));
    const [{ method, headers, text }] = requests;
    assert.equal(method, "POST");
    assert.deepEqual(JSON.parse(text), { prompt: "你好" });
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers.accept, "text/event-stream");
    assert.equal(headers.authorization, "Bearer 1");
  });
});

test("each event comes when it is sent, not at the end", async () => {
  let next;
  const answer = async (request, response) => {
    begin(response);
    for (const word of ["a", "b", "c"]) {
      response.write(delta(word));
      await new Promise((resolve) => (next = resolve)); // goes on when the reader has it
    }
    response.end(end());
  };
  await withServer(answer, async (url) => {
    const received = [];
    for await (const event of postEvents(url, {})) {
      received.push(JSON.parse(event.data).message);
      next();
    }
    assert.deepEqual(received, ["a", "b", "c", ""]);
  });
});

test("onOpen hears of the stream before its first event, onBytes gets every byte", async () => {
  const heard = [];
  const answer = (_request, response) => {
    begin(response);
    response.end(delta("a"));
  };
  await withServer(answer, async (url) => {
    const onOpen = (response) => heard.push(response.status);
    const onBytes = (bytes) => heard.push(Buffer.from(bytes).toString());
    await all(postEvents(url, {}, { onOpen, onBytes }));
  });
  assert.equal(heard[0], 200);
  assert.equal(heard.slice(1).join(""), ": open\nid: 0\n\n" + delta("a"));
});

test("a JSON error tells its code, its field and its id, and when to come back", async () => {
  const error = { code: "invalid_request", message: "model: no", field: "model", id: "7d1f" };
  const told = await refusal((_request, response) => {
    response.writeHead(429, { "Content-Type": "application/json", "Retry-After": "12" });
    response.end(JSON.stringify({ error }));
  });
  assert.deepEqual(told, { ...error, status: 429, retryAfter: 12 });
});

test("Retry-After may be a date", async () => {
  const { retryAfter } = await refusal((_request, response) => {
    response.writeHead(503, { "Retry-After": new Date(Date.now() + 3_600_000).toUTCString() });
    response.end();
  });
  assert.ok(retryAfter > 3000 && retryAfter <= 3600, String(retryAfter));
});

for (const value of ["soon", "-1", ""]) {
  test(`a Retry-After that says nothing is no wait: ${JSON.stringify(value)}`, async () => {
    const { retryAfter } = await refusal((_request, response) => {
      response.writeHead(503, { "Retry-After": value });
      response.end();
    });
    assert.ok(retryAfter === undefined || retryAfter === 0);
  });
}

const pages = ["<h1>Bad Gateway</h1>", "", "null", "7", '{"error": null}'];
for (const page of pages) {
  test(`another error page is told by its status: ${JSON.stringify(page)}`, async () => {
    const told = await refusal((_request, response) => {
      response.writeHead(502, { "Content-Type": "text/html" });
      response.end(page);
    });
    const message = "The server answered 502 Bad Gateway.";
    assert.deepEqual(told, { message, code: "http_error", status: 502 });
  });
}

const strange = [
  "text/html",
  "application/json",
  "text/event-streams",
  "text/plain; charset=utf-8",
  "",
];
const labels = [
  ...strange,
  "Text/Event-Stream; charset=utf-8",
  "text/event-stream, text/event-stream",
];
const starts = ["", ": open\n\n", "\uFEFF", "\n\n", "\r\n", "event:x\r\r", "id\n\n", "retry: 1\n"];
for (const type of labels) {
  test(`the bytes of an event stream are read, whatever their type says: ${JSON.stringify(type)}`, async () => {
    for (const start of starts) {
      const answer = async (_request, response) => {
        response.writeHead(200, type ? { "Content-Type": type } : {});
        for (const byte of Buffer.from(start + "data: 1\n\n")) response.write(Buffer.of(byte));
        response.end();
      };
      await withServer(answer, async (url) => {
        assert.deepEqual(
          (await all(postEvents(url, {}))).map(({ data }) => data),
          ["1"],
        );
      });
    }
  });
}

const others = ["<!doctype html>\ndata: 1\n\n", "OK", "datum: 1\n\n", '{"data": 1}', "[1]", "7"];
for (const type of strange) {
  test(`an answer that is no event stream is a failure: ${JSON.stringify(type)}`, async () => {
    for (const body of others) {
      const told = await refusal((_request, response) => {
        response.writeHead(200, type ? { "Content-Type": type } : {});
        response.end(body);
      });
      assert.equal(told.message, "The server answered 200 OK without an event stream.");
      assert.equal(told.code, "not_an_event_stream");
    }
  });
}

test("the event stream that a label promises has begun before its first byte", async () => {
  const answer = (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
  };
  await withServer(answer, async (url) => {
    const opened = new AbortController();
    const reading = all(
      postEvents(url, {}, { signal: opened.signal, onOpen: () => opened.abort() }),
    );
    await assert.rejects(reading, { name: "AbortError" });
  });
});

test("an abort while an error is read is told as the abort", async () => {
  const controller = new AbortController();
  const answer = (_request, response) => {
    response.writeHead(500);
    response.write("The", () => controller.abort());
  };
  await withServer(answer, async (url) => {
    const { signal } = controller;
    await assert.rejects(all(postEvents(url, {}, { signal })), { name: "AbortError" });
  });
});

test("an error whose body has no end is told after its first part", async () => {
  const answer = (_request, response) => {
    response.writeHead(500);
    const write = () => response.write("x".repeat(20_000), (error) => error || write());
    write();
  };
  await withServer(answer, async (url) => {
    await assert.rejects(all(postEvents(url, {})), { code: "http_error", message: /^x{500} …$/ });
  });
});

test("an error whose body breaks is told with the words that came", async () => {
  const answer = (_request, response) => {
    response.writeHead(500);
    response.write("Out of memory", () => response.destroy());
  };
  await withServer(answer, async (url) => {
    await assert.rejects(all(postEvents(url, {})), {
      message: "Out of memory",
      code: "http_error",
    });
  });
});

test("a connection that breaks is a failure, after what came before it", async () => {
  const answer = (_request, response) => {
    begin(response);
    response.write(delta("a"), () => response.destroy());
  };
  await withServer(answer, async (url, requests) => {
    const received = [];
    const reading = (async () => {
      for await (const event of postEvents(url, {})) received.push(event);
    })();
    await assert.rejects(reading, { name: "StreamFailure", code: "truncated" });
    assert.equal(received.length, 1);
    assert.equal(requests.length, 1);
  });
});

test("a server that is not there is a failure", async () => {
  const url = await withServer(
    () => {},
    (address) => address,
  ); // closed again
  await assert.rejects(all(postEvents(url, {})), { name: "StreamFailure", code: "network" });
});

test("leaving the loop ends the request", async () => {
  let left;
  const answer = (_request, response) => {
    left = once(response, "close");
    begin(response, delta("a"));
  };
  await withServer(answer, async (url) => {
    for await (const event of postEvents(url, {})) {
      assert.equal(JSON.parse(event.data).message, "a");
      break;
    }
    await left;
  });
});

for (const moment of ["before the answer", "in the answer"]) {
  test(`an abort ends the request at once: ${moment}`, async () => {
    const controller = new AbortController();
    let left;
    const answer = (_request, response) => {
      left = once(response, "close");
      if (moment === "in the answer") begin(response, delta("a"));
      else controller.abort();
    };
    await withServer(answer, async (url, requests) => {
      const reading = (async () => {
        const { signal } = controller;
        for await (const _event of postEvents(url, {}, { signal })) controller.abort();
      })();
      await assert.rejects(reading, { name: "AbortError" });
      await left;
      assert.equal(requests.length, 1);
    });
  });
}

test("an event past the bound is a failure and ends the request", async () => {
  let left;
  const answer = (_request, response) => {
    left = once(response, "close");
    begin(response, `data: ${"x".repeat(1_100_000)}`);
  };
  await withServer(answer, async (url) => {
    await assert.rejects(all(postEvents(url, {})), { name: "StreamFailure", code: "too_large" });
    await left;
  });
});
