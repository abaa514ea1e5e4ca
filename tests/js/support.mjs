/** The module under test, and a real server for it to talk to. */

import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";

const file = new URL("../../flask_llmstream/static/llmstream.js", import.meta.url);
const llmstream = await loaded(file);

/** Browsers know a module by its script tag; older node would take a bare ".js" for CommonJS. */
async function loaded(file) {
  const folder = await mkdtemp(join(tmpdir(), "llmstream-"));
  await copyFile(file, join(folder, "llmstream.mjs"));
  const module = await import(join(folder, "llmstream.mjs"));
  await rm(folder, { recursive: true });
  return module;
}

export const { EventStreamDecoder, Answer, LLMStream } = llmstream;
export const { StreamFailure, Typewriter, postEvents } = llmstream;

const HEAD = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" };

/** The headers and the first piece of an event stream. */
export function begin(response, text = ": open\nid: 0\n\n") {
  response.writeHead(200, HEAD);
  response.write(text);
}

export function delta(message) {
  return `event: message\ndata: ${JSON.stringify({ ended: false, message })}\n\n`;
}

export function end(reason = "complete") {
  const data = JSON.stringify({ ended: true, message: "", reason, usage: null });
  return `event: message\ndata: ${data}\nid: ended\n\n`;
}

/** One event with this JSON. */
export function data(json) {
  return `data: ${JSON.stringify(json)}\n\n`;
}

/** One event of OpenAI's form. */
export function chunk(delta, finish_reason = null) {
  return data({
    id: "c1",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason }],
  });
}

/** What `Answer` tells of a POST that is answered with these blocks. */
export function read(...blocks) {
  return answered(blocks);
}

/** The same with other handlers, headers, and first bytes. */
export function answered(blocks, handlers = {}, headers = HEAD, opening = ": open\n\n") {
  const heard = { names: [], text: "", reasoning: "", refusal: "", calls: [], events: [] };
  const listeners = {
    onState: ({ name }) => heard.names.push(name),
    onText: (text) => (heard.text += text),
    onReasoning: (text) => (heard.reasoning += text),
    onRefusal: (text) => (heard.refusal += text),
    onToolCalls: (calls) => heard.calls.push(calls),
    onEvent: (event) => heard.events.push(event),
    ...handlers,
  };
  const answer = (_request, response) => {
    response.writeHead(200, headers);
    for (const block of [opening, ...blocks]) response.write(block);
    response.end();
  };
  return withServer(answer, async (url) => {
    const state = await Answer.post(url, {}, listeners).finished;
    return { heard, state: JSON.parse(JSON.stringify(state)) }; // without undefined members
  });
}

/** All that a loop gets. */
export async function all(items) {
  const received = [];
  for await (const item of items) received.push(item);
  return received;
}

/** Run `use(url, requests)` against a server that answers with `answer(request, response)`. */
export async function withServer(answer, use) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const body = [];
    requests.push(request);
    for await (const chunk of request) body.push(chunk);
    request.text = Buffer.concat(body).toString();
    await answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use(`http://127.0.0.1:${server.address().port}/`, requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A small repeatable generator (mulberry32): a failure can be run again. */
export function randomFrom(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
