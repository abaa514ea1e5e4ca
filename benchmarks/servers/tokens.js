// The generators of the two servers that run on node: what a model would yield.
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
module.exports = function tokens(request) {
  const { pathname, searchParams: query } = new URL(request.url, "http://localhost");
  const n = Number(query.get("n"));
  return pathname === "/burst" ? burst(n) : paced(n, Number(query.get("gap")));
};
