/**
 * The browser client's parser beside eventsource-parser, in one run: node benchmarks/decoder.mjs TOOLS
 *
 * Each gets the same chunks of bytes, decodes them, and puts the events of a chunk into an array. The rounds
 * take turns, and the medians of their CPU time are compared.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const EVENTS = 20_000;
const ROUNDS = 25;
const WARM_UP = 5;
const WORDS = ["Once", " upon", " a", " time", " 你好"];

const [tools = ".venv/npm"] = process.argv.slice(2);
const theirModule = join(resolve(tools), "node_modules/eventsource-parser/dist/index.js");
const { createParser } = await import(pathToFileURL(theirModule));
const source = readFileSync(
  new URL("../flask_llmstream/static/llmstream.js", import.meta.url),
  "utf8",
);
const { EventStreamDecoder } = await import("data:text/javascript," + encodeURIComponent(source));

function message(index) {
  const data = JSON.stringify({ ended: false, message: WORDS[index % WORDS.length] });
  return `event: message\ndata: ${data}\n\n`;
}

function chunk(index) {
  const choices = [
    { index: 0, delta: { content: WORDS[index % WORDS.length] }, finish_reason: null },
  ];
  const shape = {
    id: "chatcmpl-7d1f",
    object: "chat.completion.chunk",
    created: 1,
    model: "llama3.2",
    choices,
  };
  return `data: ${JSON.stringify(shape)}\n\n`;
}

function kept(index) {
  return message(index).replace(/\n$/, `id: Zb3_k-9QxT7fLw2mVhRcYd5sJgPnUa8e:${index}\n\n`);
}

const withCRLF = (event) => (index) => event(index).replaceAll("\n", "\r\n");
const bytes = (text) => new TextEncoder().encode(text);
const each = (event) => Array.from({ length: EVENTS }, (_, index) => event(index));

/** Cut into chunks of sizes that `size` gives. */
function cut(event, size) {
  const whole = bytes(each(event).join(""));
  const chunks = [];
  for (let start = 0, length; start < whole.length; start += length) {
    length = size();
    chunks.push(whole.subarray(start, start + length));
  }
  return chunks;
}

const large = () => 65_536;
let seed = 1;
const anywhere = () => ((seed = (seed * 48_271) % 2_147_483_647) % 400) + 1;

const STREAMS = {
  "tokens, an event a chunk": each(message).map(bytes),
  "OpenAI's chunks, an event a chunk": each(chunk).map(bytes),
  "tokens, 64 KB a chunk": cut(message, large),
  "OpenAI's chunks, 64 KB a chunk": cut(chunk, large),
  "tokens that are kept, 64 KB a chunk": cut(kept, large),
  "tokens with CRLF, an event a chunk": each(withCRLF(message)).map(bytes),
  "tokens with CRLF, 64 KB a chunk": cut(withCRLF(message), large),
  "tokens, cut anywhere": cut(message, anywhere),
  "OpenAI's chunks, cut anywhere": cut(chunk, anywhere),
};

function ours(chunks) {
  const decoder = new EventStreamDecoder();
  return counted(chunks, (chunk) => decoder.feed(chunk));
}

function theirs(chunks) {
  const utf8 = new TextDecoder();
  let events = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  return counted(chunks, (chunk) => {
    events = [];
    parser.feed(utf8.decode(chunk, { stream: true }));
    return events;
  });
}

/** The characters of all events, so that nothing is left out. */
function counted(chunks, feed) {
  let characters = 0;
  for (const chunk of chunks) for (const { data } of feed(chunk)) characters += data.length;
  return characters;
}

function microseconds(read, chunks) {
  const before = process.cpuUsage();
  read(chunks);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

console.log(
  "| stream | llmstream.js, µs an event | eventsource-parser | ratio |\n|---|---|---|---|",
);
for (const [name, chunks] of Object.entries(STREAMS)) {
  if (ours(chunks) !== theirs(chunks)) throw new Error(`they read different text: ${name}`);
  const times = { ours: [], theirs: [] };
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    const pair = [microseconds(ours, chunks), microseconds(theirs, chunks)];
    if (round >= 0) times.ours.push(pair[0]) && times.theirs.push(pair[1]);
  }
  const [mine, other] = [median(times.ours), median(times.theirs)];
  const cells = [name, mine.toFixed(2), other.toFixed(2), (mine / other).toFixed(2)];
  console.log(`| ${cells.join(" | ")} |`);
}
