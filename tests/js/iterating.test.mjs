/** Loops over an answer: its text, its events, and how they end. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";

import { EVENTS, TEXT, cut, deferred, refuse, resumed, whole } from "./kept.mjs";
import { OPENING, after } from "./kept.mjs";
import { Answer, all, begin, delta, end, withServer } from "./support.mjs";

/** A server that writes these blocks, each when the last one has been asked for. */
function answering(blocks, use) {
  const answer = (_request, response) => {
    begin(response);
    for (const block of blocks) response.write(block);
    response.end();
  };
  return withServer(answer, use);
}

const LOOPS = {
  "the answer itself": (answer) => answer,
  "text()": (answer) => answer.text(),
};
for (const [name, over] of Object.entries(LOOPS)) {
  test(`a loop over ${name} gets the text, and ends with it`, async () => {
    await answering([delta("Once"), delta(" upon"), end()], async (url) => {
      const answer = Answer.post(url, {});
      let text = "";
      for await (const piece of over(answer)) text += piece;
      assert.equal(text, "Once upon");
      assert.equal(answer.state.reason, "complete");
    });
  });
}

test("a piece comes when it is sent, not at the end", async () => {
  let write;
  const answer = (_request, response) => {
    begin(response, delta("a"));
    write = (block) => response.write(block);
  };
  await withServer(answer, async (url) => {
    const pieces = [];
    for await (const piece of Answer.post(url, {})) {
      pieces.push(piece);
      if (piece === "c") break;
      write(delta(piece === "a" ? "b" : "c"));
    }
    assert.deepEqual(pieces, ["a", "b", "c"]);
  });
});

test("a loop that begins late has lost nothing", async () => {
  await answering([delta("Once"), delta(" upon"), end()], async (url) => {
    const answer = Answer.post(url, {});
    await answer.finished;
    assert.deepEqual(await all(answer), ["Once upon"]);
    assert.deepEqual(await all(answer), ["Once upon"]);
  });
});

test("what comes while a loop is busy is one piece of text", async () => {
  await answering([delta("Once"), delta(" upon"), delta(" a"), end()], async (url) => {
    const answer = Answer.post(url, {});
    const pieces = [];
    for await (const piece of answer) {
      pieces.push(piece);
      await answer.finished;
    }
    assert.equal(pieces.join(""), "Once upon a");
    assert.ok(pieces.length <= 2, String(pieces));
  });
});

test("a loop over events gets each of them, also while it is busy", async () => {
  const own = "event: tool\ndata: 7\n\n";
  await answering([delta("Once"), own, end()], async (url) => {
    const answer = Answer.post(url, {});
    const types = [];
    for await (const { event } of answer.events()) {
      types.push(event);
      await answer.finished;
    }
    assert.deepEqual(types, ["message", "tool", "message"]);
  });
});

test("two loops get the same", async () => {
  await answering([delta("Once"), end()], async (url) => {
    const answer = Answer.post(url, {});
    const loops = [answer.events(), answer.events()].map(all);
    const [one, other] = await Promise.all(loops);
    assert.deepEqual(one, other);
    assert.equal(one.length, 2);
  });
});

for (const name of ["text", "events"]) {
  test(`leaving a loop over ${name} leaves the answer`, async () => {
    let left;
    const answer = (_request, response) => {
      left = once(response, "close");
      begin(response, delta("a"));
    };
    await withServer(answer, async (url) => {
      const stream = Answer.post(url, {});
      for await (const _ of stream[name]()) break;
      assert.equal(stream.state.reason, "left");
      await left;
    });
  });

  test(`a failure comes out of a loop over ${name}, after what came before it`, async () => {
    const error =
      'event: error\ndata: {"ended": true, "error": {"code": "c", "message": "No."}}\n\n';
    await answering([delta("Once"), error], async (url) => {
      const got = [];
      const reading = (async () => {
        for await (const item of Answer.post(url, {})[name]()) got.push(item);
      })();
      await assert.rejects(reading, { name: "StreamFailure", message: "No.", code: "c" });
      assert.ok(got.length > 0);
    });
  });
}

test("the failure of a refused request has its facts", async () => {
  const answer = (_request, response) => refuse(response, 503, { "Retry-After": "3" });
  await withServer(answer, async (url) => {
    const failure = await all(Answer.post(url, {})).catch((error) => error);
    assert.deepEqual([failure.facts.status, failure.facts.retryAfter], [503, 3]);
  });
});

test("a stop from elsewhere ends the loop without a failure", async () => {
  const begun = deferred();
  await withServer(
    (_request, response) => begin(response, delta("a")),
    async (url) => {
      const stream = Answer.post(url, {}, { onText: begun.resolve });
      const loop = all(stream);
      await begun.promise;
      stream.stop();
      assert.deepEqual(await loop, ["a"]);
    },
  );
});

test("a loop that waits goes on through a break", async () => {
  const pieces = deferred();
  const told = await resumed([cut, (response, last) => whole(response, after(last))], (...call) => {
    const [url, options] = call;
    const stream = Answer.post(url, {}, options);
    pieces.resolve(all(stream));
    return stream;
  });
  assert.equal((await pieces.promise).join(""), TEXT.join(""));
  assert.equal(told.state.reason, "complete");
});

test("events go on through a break, each once", async () => {
  const events = deferred();
  await resumed([cut, (response, last) => whole(response, after(last))], (url, options) => {
    const stream = Answer.post(url, {}, options);
    events.resolve(all(stream.events()));
    return stream;
  });
  const blocks = (OPENING + EVENTS.join("")).match(/^data:/gm).length;
  assert.equal((await events.promise).length, blocks);
});

test("no rejection is left over, whoever looks", async () => {
  const script = new URL("unlooked.mjs", import.meta.url);
  const run = promisify(execFile);
  const { stdout } = await run("node", ["--unhandled-rejections=strict", script.pathname]);
  assert.equal(stdout, "over\n");
});
