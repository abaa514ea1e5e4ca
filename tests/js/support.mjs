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

export const { EventStreamDecoder, EventTooLarge, Answer, LLMStream } = llmstream;
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
