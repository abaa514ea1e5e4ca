// What the two servers on node share: the tokens that a model would yield, and the address.
"use strict";
const { setTimeout: sleep } = require("node:timers/promises");

function* burst(n) {
  for (let number = 0; number < n; number++) yield String(number);
}

async function* paced(n, gap) {
  for (let i = 0; i < n; i++) {
    yield `at ${process.hrtime.bigint()}`;
    await sleep(gap * 1000);
  }
}

// The tokens that a request's path and query ask for.
function tokens(request) {
  const { pathname, searchParams: query } = new URL(request.url, "http://localhost");
  const n = Number(query.get("n"));
  return pathname === "/burst" ? burst(n) : paced(n, Number(query.get("gap")));
}

// uvicorn's default backlog, for all servers.
const address = { port: Number(process.argv[2]), host: "127.0.0.1", backlog: 2048 };

module.exports = { tokens, address };
