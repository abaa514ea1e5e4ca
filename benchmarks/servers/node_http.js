// node's bare http module: frames written as they come, with its backpressure heeded.
"use strict";
const { once } = require("node:events");
const { createServer } = require("node:http");
const { tokens, address } = require("./tokens.js");

async function answer(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  for await (const message of tokens(request)) {
    const data = JSON.stringify({ ended: false, message });
    if (!response.write(`event: message\ndata: ${data}\n\n`)) await once(response, "drain");
  }
  response.end();
}

createServer(answer).listen(address);
