// Vercel's resumable-stream on node's http module. It keeps the chunks in this process, and tells
// Redis that it has them.
"use strict";
const { randomUUID } = require("node:crypto");
const { createServer } = require("node:http");
const { Readable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const { createResumableStreamContext } = require("resumable-stream");
const { tokens, address } = require("./tokens.js");

const context = createResumableStreamContext({ waitUntil: () => {} });

async function* frames(request) {
  for await (const message of tokens(request)) {
    yield `event: message\ndata: ${JSON.stringify({ ended: false, message })}\n\n`;
  }
}

async function answer(request, response) {
  const make = () => Readable.toWeb(Readable.from(frames(request)));
  const stream = await context.createNewResumableStream(randomUUID(), make);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  await pipeline(Readable.fromWeb(stream), response).catch(() => {});
}

createServer(answer).listen(address);
