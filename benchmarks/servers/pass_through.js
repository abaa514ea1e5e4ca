// What a relay costs that reads nothing: node hands the bytes of the model's server on as they come.
"use strict";
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { pipeline } = require("node:stream");
const { address } = require("./tokens.js");

const { UPSTREAM, UPSTREAM_CA } = process.env;
const { Agent, request: ask } = require(UPSTREAM.startsWith("https:") ? "node:https" : "node:http");
const ca = UPSTREAM_CA && readFileSync(UPSTREAM_CA);
const agent = new Agent({ keepAlive: true, ca });

function relay(request, response) {
  const { "content-type": type, "content-length": length } = request.headers;
  const headers = { "Content-Type": type, "Content-Length": length };
  const call = ask(`${UPSTREAM}/chat/completions`, { method: "POST", agent, headers }, (answer) => {
    response.writeHead(answer.statusCode, { "Content-Type": answer.headers["content-type"] });
    pipeline(answer, response, () => {});
  });
  call.on("error", () => response.destroy());
  pipeline(request, call, () => {});
}

createServer(relay).listen(address);
