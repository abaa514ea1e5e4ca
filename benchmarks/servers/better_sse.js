// better-sse: a session per reader, events pushed into it, node's backpressure heeded.
"use strict";
const { once } = require("node:events");
const { createServer } = require("node:http");
const { createSession } = require("better-sse");
const { tokens, address } = require("./tokens.js");

async function answer(request, response) {
  const session = await createSession(request, response);
  for await (const message of tokens(request)) {
    if (!session.isConnected) return;
    session.push({ ended: false, message }, "message");
    if (response.writableNeedDrain) await once(response, "drain");
  }
  response.end();
}

createServer(answer).listen(address);
