// Reads answers with llmstream.js: `node read_answers.mjs '[["METHOD", "URL", BODY], ...]'`. It prints
// for each the reason of its end, and the text, as JSON.

import { Answer } from "../js/support.mjs";

async function read([method, url, body]) {
  const answer = method === "GET" ? Answer.get(url) : Answer.post(url, body);
  let text = "";
  for await (const piece of answer) text += piece;
  return [(await answer.finished).reason, text];
}

const asked = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await Promise.all(asked.map(read))));
