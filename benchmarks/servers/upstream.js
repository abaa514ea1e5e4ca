// A model's server with OpenAI's API, for the relays: cheap enough never to be their limit.
//
//     node upstream.js PORT [CERTIFICATE KEY]
//
// The prompt says what to answer: "burst N 0" sends N tokens at once, "paced N GAP" puts the time
// into each token and waits GAP seconds after it. Every event is an HTTP chunk of its own, as those
// of real servers are, and connections are kept alive. Prints a line when it listens. For each line
// on its standard input it prints how many connections it has had.
"use strict";
const { readFileSync } = require("node:fs");
const net = require("node:net");
const { createInterface } = require("node:readline");
const tls = require("node:tls");

const HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n" +
  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
const NO_SUCH_PATH = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const PROMPT = /"content": ?"(burst|paced) (\d+) ([\d.]+)"/;
const [port, certificate, key] = process.argv.slice(2);
let connections = 0;

function event(data) {
  const text = `data: ${data}\n\n`;
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function part(choices, usage = null) {
  return JSON.stringify({
    id: "chatcmpl-CQ4mBz3Wq8K1vYtLs0nDhXeRfJ2ab",
    object: "chat.completion.chunk",
    created: 1760000000,
    model: "gpt-4o-mini-2024-07-18",
    service_tier: "default",
    system_fingerprint: "fp_560af6e559",
    choices,
    usage,
  });
}

function choice(delta, finish_reason = null) {
  return [{ index: 0, delta, logprobs: null, finish_reason }];
}

const OPENING = event(part(choice({ role: "assistant", content: "", refusal: null })));
const CLOSING = event(part(choice({}, "stop")));
const [BEFORE_TOKEN, AFTER_TOKEN] = part(choice({ content: "|" })).split("|");

function token(text) {
  return event(BEFORE_TOKEN + text + AFTER_TOKEN);
}

function end(n) {
  const counts = { prompt_tokens: 9, completion_tokens: n, total_tokens: 9 + n };
  return CLOSING + event(part([], counts)) + event("[DONE]") + "0\r\n\r\n";
}

const bursts = new Map();

function burst(n) {
  if (!bursts.has(n)) {
    const tokens = Array.from({ length: n }, (_, number) => token(String(number)));
    bursts.set(n, Buffer.from(HEAD + OPENING + tokens.join("") + end(n)));
  }
  return bursts.get(n);
}

function pace(socket, n, gap) {
  let sent = 0;
  function next() {
    if (socket.destroyed) return;
    if (sent++ === n) return socket.write(end(n));
    socket.write(token(`at ${process.hrtime.bigint()}`));
    setTimeout(next, gap * 1000);
  }
  socket.write(HEAD + OPENING);
  next();
}

function answer(socket, request) {
  const asked = request.match(PROMPT);
  if (!asked) return socket.write(NO_SUCH_PATH);
  const [, kind, n, gap] = asked;
  if (kind === "burst") socket.write(burst(Number(n)));
  else pace(socket, Number(n), Number(gap));
}

// Of one request after another, and no two at once: where the first ends, 0 before that.
function endOfRequest(text) {
  const head = text.indexOf("\r\n\r\n") + 4;
  const length = text.match(/\r\ncontent-length: (\d+)/i);
  const end = head + (length ? Number(length[1]) : 0);
  return head < 4 || text.length < end ? 0 : end;
}

function serve(socket) {
  let text = "";
  connections++;
  socket.setNoDelay(true);
  socket.setEncoding("latin1");
  socket.on("error", () => {}); // a client that leaves in the middle of an answer
  socket.on("data", (data) => {
    text += data;
    const end = endOfRequest(text);
    if (!end) return;
    answer(socket, text.slice(0, end));
    text = text.slice(end);
  });
}

const server = certificate
  ? tls.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, serve)
  : net.createServer(serve);
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 2048 }, () => console.log("ready"));
createInterface({ input: process.stdin }).on("line", () => console.log(connections));
