/** Answers that fail in every way while nobody looks: node ends here at a rejection that is left over. */

import { createServer } from "node:http";
import { once } from "node:events";

import { Answer, postEvents } from "./support.mjs";

const replies = {
  "/refuses": (response) => response.writeHead(500).end("no"),
  "/breaks": (response) => response.writeHead(200).write("data: 1\n\n", () => response.destroy()),
  "/closes": (response) => response.destroy(),
  "/kept": (response) => {
    response.writeHead(200, { "X-Stream-ID": "x".repeat(32) });
    response.write("data: 1\n\n", () => response.destroy());
  },
  "/silent": (response) => response.writeHead(200).flushHeaders(),
};
const server = createServer((request, response) => {
  (replies[request.url] ?? ((response) => response.writeHead(410).end()))(response);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const site = `http://127.0.0.1:${server.address().port}`;
const fails = () => Promise.reject(new Error("no"));

const answers = [];
for (const path of [...Object.keys(replies), "/other"]) {
  for (const options of [{}, { headers: fails }, { fetch: fails }]) {
    const limited = () => ({ signal: AbortSignal.timeout(300), ...options });
    answers.push(Answer.post(site + path, {}, limited()));
    answers.push(Answer.get(site + path, limited()));
    answers.push(Answer.attach(site + path, limited()));
  }
  postEvents(site + path, {}); // which nobody iterates
}
for (const answer of answers) {
  answer.text();
  answer.events();
}
await Promise.all(answers.map(({ finished }) => finished));
server.closeAllConnections();
server.close();
console.log("over");
