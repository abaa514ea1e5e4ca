/** Prints as JSON what `Answer` tells of each POST: node answers.mjs '[[URL, BODY], …]' */

import { Answer } from "./support.mjs";

async function told([url, body]) {
  const heard = { text: "", reasoning: "", refusal: "", calls: [] };
  const { name, reason, code, status, field, id } = await Answer.post(url, body, {
    onText: (text) => (heard.text += text),
    onReasoning: (text) => (heard.reasoning += text),
    onRefusal: (text) => (heard.refusal += text),
    onToolCalls: (calls) => (heard.calls = calls),
  }).finished;
  return { ...heard, name, reason, code, status, field, id };
}

const all = await Promise.all(JSON.parse(process.argv[2]).map(told));
process.stdout.write(JSON.stringify(all));
