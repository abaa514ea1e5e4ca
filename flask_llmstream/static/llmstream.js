/**
 * The browser's side of flask_llmstream: one ES module, no build step, no dependencies.
 *
 * - `Answer`, also exported as `LLMStream`, reads an answer over either transport and reports its
 *   state and all that the model says.
 * - `postEvents` reads any event stream that answers a POST. `EventSource` can't send a POST.
 * - `EventStreamDecoder` is the parser of WHATWG HTML 9.2.6, the twin of the Python one.
 * - `Typewriter` shows text as if it were typed, and is never far behind.
 *
 * @module llmstream
 */

/**
 * One event, as its reader gets it.
 *
 * @typedef {object} StreamEvent
 * @property {string} event its type; `message` where the stream gave none
 * @property {string} data its text
 * @property {string} id the last event ID at the time of the event; `""` for none
 */

/**
 * The state of an answer. Nothing follows `ended` and `failed`.
 *
 * @typedef {{name: "connecting"}
 *   | {name: "loading", model: string, progress: number | null}
 *   | {name: "waiting"}
 *   | {name: "streaming"}
 *   | {name: "reconnecting"}
 *   | {name: "ended", reason: string, usage: object | null}
 *   | {name: "failed", reason: string} & FailureFacts} StreamState
 *
 * `loading`: the server loads its model; `progress` is from 0 to 1, or `null` where it is unknown.
 * `waiting`: for the first token, of the text or of anything else. `failed.reason`: one sentence for
 * people. `ended.reason`:
 *
 * - `complete`: the answer is whole;
 * - `refusal`: the model refused;
 * - `tool_calls`: the model waits for the results of its calls;
 * - `length`, `content_filter`: the answer is cut short;
 * - `stopped`: by this side;
 * - other words are the server's own: `timeout`, `cancelled` …
 */

const MAX_EVENT_LENGTH = 1_048_576;
const MAX_JSON_LENGTH = 16 * MAX_EVENT_LENGTH;
const MAX_JSON_ERROR = 65_536;
const MAX_WORDS = 500;

/** A line or an event of an event stream is longer than the decoder's bound. */
export class EventTooLarge extends Error {
  /** @param {number} limit the bound, in UTF-16 units */
  constructor(limit) {
    super(`an event is larger than the limit of ${limit} characters`);
    this.name = "EventTooLarge";
    this.limit = limit;
    this.facts = { code: "too_large" };
  }
}

/** The parser of event streams, for bytes that arrive in any pieces. */
export class EventStreamDecoder {
  /** The `Last-Event-ID` that a reader sends when it reconnects. */
  lastEventId = "";
  /** @type {number | null} the reconnection time that the stream gave, in milliseconds */
  retry = null;
  // This class removes a BOM itself: engines have differed where a stream was cut inside it.
  #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #maxEventLength;
  #atStart = true;
  #afterCR = false;
  #overgrown = false;
  #line = "";
  /** @type {string[]} */
  #data = [];
  #dataLength = 0;
  #event = "";
  #id = "";

  /**
   * @param {{maxEventLength?: number}} [options] the bound on one line, and on the `data` lines
   *   of one event together, in UTF-16 units; default 1,048,576
   */
  constructor({ maxEventLength = MAX_EVENT_LENGTH } = {}) {
    this.#maxEventLength = maxEventLength;
  }

  /**
   * Take the stream's next bytes, and return the events that they complete.
   *
   * @param {Uint8Array} chunk
   * @returns {StreamEvent[]}
   * @throws {EventTooLarge} past the bound. Events that the same bytes completed before are
   *   returned first, and the next call throws; so does every later one.
   */
  feed(chunk) {
    /** @type {StreamEvent[]} */
    const events = [];
    if (!this.#overgrown) this.#read(this.#utf8.decode(chunk, { stream: true }), events);
    if (this.#overgrown && events.length === 0) throw new EventTooLarge(this.#maxEventLength);
    return events;
  }

  /** @param {string} text @param {StreamEvent[]} events */
  #read(text, events) {
    if (text === "") return;
    const lines = this.#withoutStart(text).split(/\r\n?|\n/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      if (this.#dataLength + line.length > this.#maxEventLength) {
        this.#overgrown = true;
        return;
      }
      if (line) this.#field(line);
      else this.#dispatch(events);
    }
    this.#overgrown = this.#dataLength + this.#line.length > this.#maxEventLength;
  }

  /** The text without a BOM at the start of the stream, and without the LF of a CRLF cut in two. */
  #withoutStart(/** @type {string} */ text) {
    const bom = this.#atStart && text[0] === "\uFEFF";
    const extra = bom || (this.#afterCR && text[0] === "\n");
    this.#atStart = false;
    this.#afterCR = text.endsWith("\r");
    return extra ? text.slice(1) : text;
  }

  #field(/** @type {string} */ line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "data") {
      this.#data.push(value);
      this.#dataLength += line.length;
    } else if (name === "event") {
      this.#event = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
    }
  }

  #dispatch(/** @type {StreamEvent[]} */ events) {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      events.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
      this.#data = [];
      this.#dataLength = 0;
    }
    this.#event = "";
  }

  /** The body is over. An event without the blank line behind it is none. @returns {StreamEvent[]} */
  end() {
    return [];
  }
}

/** The decoder of JSON in place of an event stream: whole, or an object on each line. */
class JsonDecoder {
  #utf8 = new TextDecoder();
  #text = "";
  /** @type {boolean | null} whether each line is JSON; `null`: no line has come yet */
  #byLine = null;

  /** @param {Uint8Array} chunk @returns {StreamEvent[]} an event for each line */
  feed(chunk) {
    const text = this.#utf8.decode(chunk, { stream: true });
    const end = this.#byLine === false ? 0 : text.lastIndexOf("\n") + 1;
    const lines = end ? (this.#text + text.slice(0, end)).split("\n").filter(isText) : [];
    if (lines.length > 0) this.#byLine ??= jsonIn(lines[0]) !== null;
    this.#text = this.#byLine && end ? text.slice(end) : this.#text + text;
    if (this.#text.length > MAX_JSON_LENGTH) throw new EventTooLarge(MAX_JSON_LENGTH);
    return this.#byLine ? lines.map(eventOf) : [];
  }

  /** @returns {StreamEvent[]} the rest: all, where the JSON is whole */
  end() {
    return [this.#text].filter(isText).map(eventOf);
  }
}

/** @param {string} data @returns {StreamEvent} */
function eventOf(data) {
  return { event: "message", data, id: "" };
}

/**
 * The facts of a failure, for programs.
 *
 * @typedef {object} FailureFacts
 * @property {string} code the server's own word, or this module's: `network`, `http_error`,
 *   `not_an_event_stream`, `unknown_form`, `no_answer`, `truncated`, `too_large`, `error`, `refused`,
 *   `not_resumed`
 * @property {string} [id] the failure's ID in the server's log
 * @property {string} [field] the part of the request that is wrong
 * @property {number} [status] the HTTP status
 * @property {number} [retryAfter] seconds to wait before another try
 */

/** A stream could not be opened, or broke. `message` is one sentence for people. */
export class StreamFailure extends Error {
  /**
   * @param {string} message
   * @param {FailureFacts} facts
   */
  constructor(message, facts) {
    super(message);
    this.name = "StreamFailure";
    this.code = facts.code;
    this.facts = facts;
  }
}

/** @type {Record<string, string>} what this side says of its own failures, by their code */
const SENTENCES = {
  network: "The server can't be reached.",
  truncated: "The connection broke before the answer was complete.",
  unknown_form: "The server's answer has an unknown form.",
  no_answer: "The server ended the stream without an answer.",
  refused: "The server refused the stream. EventSource does not tell why; a POST would.",
  not_resumed: "The connection broke, and the server could not resume the answer.",
  error: "The answer failed.",
};

/** A failure that this side saw. @param {string} code */
function failed(code) {
  return new StreamFailure(SENTENCES[code], { code });
}

/**
 * POST a JSON body and read the answer's events as they come. This function sends nothing twice. A
 * browser does so by itself, if a connection that it has used before breaks before an answer.
 *
 * Leaving the loop ends the request. `init.signal` ends it from outside, at once; the loop then throws
 * the signal's reason.
 *
 * @param {string | URL} url
 * @param {unknown} body sent as JSON
 * @param {RequestInit & {onOpen?: (response: Response) => void,
 *   onBytes?: (bytes: Uint8Array) => void}} [init] the options of `fetch`; `onOpen` is called when
 *   the stream has begun, `onBytes` with each chunk as it came. The loop throws what they throw
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 * @throws {StreamFailure} no connection, a status other than 2xx, an answer that is no event
 *   stream (its first bytes decide, and its type where they don't), a connection that breaks
 * @throws {EventTooLarge} an event past the decoder's bound
 * @throws {TypeError} JSON can't hold the body
 */
export async function* postEvents(url, body, { onOpen, onBytes, ...init } = {}) {
  const decoders = { events: EventStreamDecoder };
  yield* received(url, jsonPost(body, init), decoders, { onOpen, onBytes });
}

/** @param {unknown} body @param {RequestInit} init @returns {RequestInit} */
function jsonPost(body, init) {
  const headers = new Headers(init.headers);
  headers.set("Content-Type", "application/json");
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  return { ...init, headers, method: "POST", body: JSON.stringify(body) };
}

/**
 * @param {string | URL} url
 * @param {RequestInit} request
 * @param {Record<string, typeof EventStreamDecoder | typeof JsonDecoder>} decoders for the kinds of
 *   bodies that are read
 * @param {{onOpen?: (response: Response) => void, onBytes?: (bytes: Uint8Array) => void}} handlers
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 */
async function* received(url, request, decoders, { onOpen, onBytes }) {
  const response = await unlessAborted(fetch(url, request), request.signal, "network");
  const body = new Body(response, request.signal);
  try {
    if (body.isLabelled) onOpen?.(response);
    const Decoder = response.ok && decoders[await body.kind()];
    if (!Decoder) throw await failureOf(response, body);
    if (!body.isLabelled) onOpen?.(response);
    const decoder = new Decoder();
    for await (const piece of body.pieces()) {
      onBytes?.(piece);
      yield* decoder.feed(piece);
    }
    yield* decoder.end();
  } finally {
    body.cancel();
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | null | undefined} signal
 * @param {string} code the meaning of a rejection without an abort
 */
async function unlessAborted(promise, signal, code) {
  try {
    return await promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw Object.assign(failed(code), { cause: error });
  }
}

const EVENT_STREAM_TYPE = /^\s*text\/event-stream\s*([;,]|$)/i;
const EVENT_STREAM_START = /^(:|(data|event|id|retry)[:\r\n])/;
const LONGEST_START = "event:".length;

/** The body of a response. Its first bytes can be looked at before it is read. */
class Body {
  #reader;
  #signal;
  #utf8 = new TextDecoder();
  /** @type {Uint8Array[]} */
  #first = [];
  /** The characters that `readUntil` has read. */
  text = "";

  /** @param {Response} response @param {AbortSignal | null | undefined} signal */
  constructor(response, signal) {
    this.isLabelled = response.ok && EVENT_STREAM_TYPE.test(typeOf(response));
    this.#reader = response.body?.getReader();
    this.#signal = signal;
  }

  /** What its bytes are: `events`, `json` or `other`. The label decides where they don't. */
  async kind() {
    await this.readUntil(() => this.#kindOf(this.text.trimStart()) !== "");
    return this.#kindOf(this.text.trimStart()) || (this.isLabelled ? "events" : "other");
  }

  /** @param {string} start without blanks and a BOM @returns {string} `""`: more must be read */
  #kindOf(start) {
    if (/^[{[]/.test(start)) return "json";
    if (start[0] === "<") return "other";
    if (EVENT_STREAM_START.test(start) || (start && this.isLabelled)) return "events";
    return start.length < LONGEST_START ? "" : "other";
  }

  /** Read its start, which stays a part of `pieces()`. @param {() => boolean} suffices */
  async readUntil(suffices) {
    while (!suffices()) {
      const piece = await this.#next();
      if (!piece) return;
      this.#first.push(piece);
      this.text += this.#utf8.decode(piece, { stream: true });
    }
  }

  async *pieces() {
    yield* this.#first.splice(0);
    for (let piece; (piece = await this.#next()); ) yield piece;
  }

  async #next() {
    if (!this.#reader) return undefined;
    return (await unlessAborted(this.#reader.read(), this.#signal, "truncated")).value;
  }

  cancel() {
    this.#reader?.cancel().catch(() => {}); // read() has thrown already if the body broke
  }
}

function typeOf(/** @type {Response} */ response) {
  return response.headers.get("Content-Type") ?? "";
}

/** The failure of a response that is no answer. @param {Response} response @param {Body} body */
async function failureOf(response, body) {
  const { ok, status, statusText, headers } = response;
  const isJson = () => /^\s*[{[]/.test(body.text);
  try {
    await body.readUntil(() => body.text.length >= MAX_JSON_ERROR || (ok && !isJson()));
  } catch (error) {
    if (!(error instanceof StreamFailure)) throw error; // an abort
  }
  const id = headers.get("X-Request-ID") ?? undefined;
  const facts = { code: "http_error", status, id, retryAfter: secondsUntilRetry(headers) };
  if (!ok) {
    const plain = `The server answered ${status} ${statusText}`.trim() + ".";
    return failureTold(errorBody(body.text), plain, facts);
  }
  const found = body.isLabelled ? "another text" : typeOf(response) || "nothing";
  const plain = `The server answered with ${found} instead of an event stream.`;
  const code = "not_an_event_stream";
  return failureTold(errorIn(jsonIn(body.text)), plain, { ...facts, code });
}

/** The JSON of an error's body, or its text. A page, bytes and half a JSON have no words. */
function errorBody(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return /^\s*[<{[]|[\0\uFFFD]/.test(text) ? null : text;
  }
}

/** @param {Headers} headers `Retry-After` in either of its forms @returns {number | undefined} */
function secondsUntilRetry(headers) {
  const value = headers.get("Retry-After")?.trim() ?? "";
  let seconds = NaN;
  if (/^\d+(\.\d+)?(,|$)/.test(value)) seconds = parseFloat(value);
  else if (/GMT$/.test(value)) seconds = (Date.parse(value) - Date.now()) / 1000;
  return wholeSeconds(seconds);
}

/** @param {any} value @returns {number | undefined} `undefined` for what is no number */
function wholeSeconds(value) {
  return Number.isFinite(value) ? Math.max(0, Math.ceil(value)) : undefined;
}

/**
 * The error in JSON that should be an answer; `undefined` without one.
 *
 * @param {any} said
 */
function errorIn(said) {
  const one = Array.isArray(said) ? said.find((item) => item?.error) : said;
  const isError = one?.error || one?.error_message || [one?.object, one?.type].includes("error");
  return isError ? one : undefined;
}

/**
 * @param {unknown} error in any shape that servers give it
 * @param {string} [plain] the words where it has none
 * @param {FailureFacts} [facts] that are known besides
 */
function failureTold(error, plain = SENTENCES.error, facts = { code: "error" }) {
  const told = flattened(error);
  const { message, code, type, status, field, param, loc, id, request_id, retry_after } = told;
  const codes = [code, told.error_code, type, told.error_type, status, told.error].filter(isText);
  const numbers = [status, code, told.status_code, told.statusCode].filter(isScalar);
  const place = Array.isArray(loc) ? loc.slice(1).filter(isScalar).join(".") : "";
  return new StreamFailure(message || plain, {
    code: codes.find((word) => word !== message) ?? String(numbers[0] ?? facts.code),
    id: [id, request_id].find(isText) ?? facts.id,
    field: [field, param, place].find(isText),
    status: facts.status ?? numbers.map(Number).find((number) => number >= 400 && number < 600),
    retryAfter: facts.retryAfter ?? wholeSeconds(retry_after),
  });
}

const WORDS = ["error_message", "message", "detail", "error_description", "msg", "error", "title"];
const MAX_DEPTH = 5;
const MAX_DETAILS = 20;

/**
 * An error as one object: its words as `message`, its other members, and those around it.
 *
 * @param {any} error
 * @returns {Record<string, any>} `message` is `""` where there are no words
 */
function flattened(error, depth = 0) {
  if (isText(error)) return { message: shortened(error) };
  if (error === null || typeof error !== "object" || depth > MAX_DEPTH) return { message: "" };
  if (Array.isArray(error)) {
    const details = error.slice(0, MAX_DETAILS).map((one) => flattened(one, depth + 1));
    const words = details.map(({ message }) => message).filter(isText);
    return { ...details.find(({ message }) => message), message: shortened(words.join("; ")) };
  }
  const names = isObject(error.error) ? ["error", ...WORDS] : WORDS;
  const inner = names.map((name) => flattened(error[name], depth + 1));
  const place = Math.max(0, inner.findIndex(({ message }) => message));
  const { id, type, ...around } = error; // an error inside has its own
  return { ...(isObject(error[names[place]]) ? around : error), ...withoutNulls(inner[place]) };
}

/** @param {Record<string, any>} members */
function withoutNulls(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

/** @param {any} value @returns {value is Record<string, any>} an object that is no list */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is string} a text that is not blank */
function isText(value) {
  return typeof value === "string" && value.trim() !== "";
}

/** @param {unknown} value @returns {value is string | number} */
function isScalar(value) {
  return typeof value === "number" || isText(value);
}

/** @param {string} text @returns {any} the JSON in it, or `null` */
function jsonIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The text without blanks around it, and at most a paragraph. */
function shortened(/** @type {string} */ text) {
  const words = text.trim();
  if (words.length <= MAX_WORDS) return words;
  return words.slice(0, MAX_WORDS).replace(CUT_CHARACTER, "") + " …";
}

const CUT_CHARACTER = /[\uD800-\uDBFF]$/;
const LONE_HALVES = /[\uD800-\uDFFF]/gu;

/**
 * What one event says of an answer.
 *
 * @typedef {object} Piece
 * @property {Record<string, any>} delta what it adds
 * @property {unknown} [content] the delta's text, or a list of its parts
 * @property {boolean} [isWhole] whether the delta is all that the model said
 * @property {unknown} [usage]
 * @property {string} [reason] why the answer ends; `""` or absent: it goes on
 * @property {unknown} [error] falsy: none
 * @property {boolean} [isLast] whether nothing follows
 */

/**
 * A form in which answers are written: it reads an event, and the JSON in it. `isKnown`: an earlier
 * event was of this form. `null`: this one is not.
 *
 * @typedef {(said: any, event: StreamEvent, isKnown: boolean) => Piece | null} Form
 */

/** The message format. @type {Form} */
function messageIn(said) {
  if (typeof said?.ended !== "boolean") return null;
  const { ended: isLast, message: content, usage } = said;
  if (!isLast) return { delta: said, content };
  const word = said.reason || "complete";
  const finish = usage?.finish_reason;
  const reason = (word === "complete" && finishOf(finish)) || (isText(word) ? word : "unknown");
  const error = said.error || errorOf(finish) || (word === "error" && {});
  return { delta: said, content, usage, reason, error, isLast };
}

const DONE = /^\s*"?\[DONE\]"?\s*$/;

/** Chat completions in OpenAI's form, streamed or whole, and legacy completions. @type {Form} */
function chunkIn(said, { event, data }, isKnown) {
  if (DONE.test(data)) return { delta: {}, isLast: true };
  const choice = choiceIn(said);
  const { delta, message, text, finish_reason } = choice;
  const named = event === "error" ? { detail: said ?? data } : undefined;
  const error = errorIn(said) ?? errorIn(choice) ?? named ?? errorOf(finish_reason);
  const isChunk = isObject(delta) || isObject(message) || typeof text === "string";
  if (!(isChunk || isText(finish_reason) || error || isKnown)) return null;
  const usage = [said?.usage, choice.usage, said?.x_groq?.usage].find(isObject);
  const rest = { usage, error, reason: finishOf(finish_reason) };
  if (!isObject(message) || (isObject(delta) && Object.keys(delta).length > 0)) {
    return { delta: isObject(delta) ? delta : {}, content: delta?.content ?? text, ...rest };
  }
  const { content } = message;
  return { delta: message, content, isWhole: true, ...rest, reason: rest.reason || "complete" };
}

/** The first choice of a chunk; `{}` without one. Others are not read. @param {any} said */
function choiceIn(said) {
  const choices = Array.isArray(said?.choices) ? said.choices : [];
  const isFirst = (/** @type {any} */ { index }) => typeof index !== "number" || index === 0;
  return choices.filter(isObject).find(isFirst) ?? {};
}

/** @type {[RegExp, string][]} what servers say, and the word for it here */
const FINISHES = [
  [/error|fail|abort|cancel|insufficient/i, "error"],
  [/length|max_.*tokens|limit/i, "length"],
  [/filter|safety|sensitive/i, "content_filter"],
  [/refus/i, "refusal"],
  [/tool|function/i, "tool_calls"],
  [/^(stop|eos|end|done|complete|finish)/i, "complete"],
];

/** @param {unknown} word of the model's server @returns {string} `""` for none */
function finishOf(word) {
  if (!isText(word)) return "";
  return FINISHES.find(([words]) => words.test(word))?.[1] ?? word;
}

/** @param {unknown} word of the model's server @returns {object | undefined} the error it means */
function errorOf(word) {
  return finishOf(word) === "error" ? { code: word } : undefined;
}

/** The text of a member: a text, or the parts of the type `text` of a list. @param {unknown} value */
function textIn(value) {
  if (typeof value === "string") return value;
  const parts = Array.isArray(value) ? value : [];
  return parts.map((part) => (typeof part?.text === "string" ? part.text : "")).join("");
}

/** @param {Record<string, any>} delta @param {unknown} content */
function reasoningIn({ reasoning_content, reasoning }, content) {
  const parts = Array.isArray(content) ? content : [];
  return (
    textIn(reasoning_content) ||
    textIn(reasoning) ||
    parts.map((part) => textIn(part?.thinking)).join("")
  );
}

/**
 * A call of a tool, in OpenAI's form, with the members that the server gave it besides.
 *
 * @typedef {{id?: string, type: string, function: {name: string, arguments: string}}} ToolCall
 *   `arguments`: a JSON text, as the model wrote it
 */

/** Calls of tools, put together from their fragments. */
class ToolCalls {
  /** @type {{index: unknown, call: ToolCall}[]} */
  #found = [];

  get all() {
    return this.#found.map(({ call }) => call);
  }

  /** @param {Record<string, any>} fragment */
  add({ index, id, type, function: told, ...others }) {
    const { name, arguments: json, ...extras } = isObject(told) ? told : {};
    const found = this.#continued(index, id, name) ?? this.#begun(index);
    const { call } = found;
    found.call = {
      ...call,
      ...others,
      id: call.id || (isText(id) ? id : ""),
      type: isText(type) ? type : call.type,
      function: {
        ...call.function,
        ...extras,
        name: call.function.name || (isText(name) ? name : ""),
        arguments: call.function.arguments + (isObject(json) ? asJson(json) : textIn(json)),
      },
    };
  }

  /** The call that the fragment goes on. Some servers give no index, or the same one to all. */
  #continued(/** @type {unknown} */ index, /** @type {unknown} */ id, /** @type {unknown} */ name) {
    const hasPlace = Number.isInteger(index);
    const last = this.#found.filter((one) => !hasPlace || one.index === index).pop();
    const begins = isText(id) ? id !== (last?.call.id || id) : !hasPlace;
    return begins && isText(name) ? undefined : last;
  }

  #begun(/** @type {unknown} */ index) {
    const call = { id: "", type: "function", function: { name: "", arguments: "" } };
    this.#found.push({ index, call });
    return this.#found[this.#found.length - 1];
  }
}

function asJson(/** @type {unknown} */ value) {
  try {
    return JSON.stringify(value);
  } catch {
    return ""; // it is nested deeper than the stack
  }
}

/**
 * The functions that an answer calls. All are optional. What one of them throws is reported as an
 * error of the page, and the reading goes on.
 *
 * @typedef {object} StreamHandlers
 * @property {(state: StreamState) => void} [onState] gets every state after `connecting`, the first
 * @property {(text: string) => void} [onText] each piece of the answer
 * @property {(text: string) => void} [onReasoning] each piece of the model's reasoning
 * @property {(text: string) => void} [onRefusal] each piece of the model's refusal. Without this
 *   function `onText` gets it
 * @property {(calls: ToolCall[]) => void} [onToolCalls] the calls that the model asks for, whole. It is
 *   called before the end `tool_calls`. Calls of an answer that ended otherwise may lack a part, and
 *   nobody gets them
 * @property {(event: StreamEvent) => void} [onEvent] each event, also events that this class ignores
 * @property {string[]} [events] the server's own event types. A GET needs them, because `EventSource`
 *   hears only the types it is given; a POST hears all
 * @property {(bytes: Uint8Array) => void} [onBytes] each chunk as it came; POST only
 */

/**
 * An answer over either transport, from `connecting` to its one end.
 *
 * Its server may write the message format or OpenAI's chat completions. The first event that says
 * something in one of these forms decides, and events of the other form are then left alone. A POST
 * may also be answered with JSON: whole, or an object on each line.
 *
 * A POST is never repeated; if its body stops without the answer's end, the answer has failed. A GET
 * goes through `EventSource`. Once that has opened, it reconnects by itself until the server forbids
 * it.
 */
export class Answer {
  /** @type {StreamState} */
  state = { name: "connecting" };
  /** @type {Promise<StreamState>} resolves with the state that ended it */
  finished;
  #handlers;
  #finish = (/** @type {StreamState} */ _state) => {};
  #close = () => {};
  #opened = false;
  #over = false;
  /** @type {Form | null} */
  #form = null;
  /** @type {StreamFailure | null} an error that the server told, and that does not end the answer */
  #trouble = null;
  #hasUnread = false;
  #said = false;
  #hasRefused = false;
  #calls = new ToolCalls();
  #cut = { onText: "", onReasoning: "", onRefusal: "" };
  #reason = "";
  /** @type {object | null} */
  #usage = null;

  /**
   * @param {string | URL} url
   * @param {unknown} body sent as JSON
   * @param {StreamHandlers & {headers?: HeadersInit, credentials?: RequestCredentials}} [options]
   *   `credentials`: as for `fetch`; `include` sends the user's cookies to another site, too
   * @throws {TypeError} JSON can't hold the body, or HTTP a header
   */
  static post(url, body, options = {}) {
    const stream = new Answer(options);
    const { headers, credentials } = options;
    stream.#post(url, jsonPost(body, { headers, credentials }));
    return stream;
  }

  /**
   * @param {string | URL} url
   * @param {StreamHandlers & {credentials?: RequestCredentials}} [options] `credentials`: `include`
   *   sends the user's cookies to another site, too
   * @throws {DOMException} the URL is none
   */
  static get(url, options = {}) {
    const stream = new Answer(options);
    stream.#get(url, options);
    return stream;
  }

  /** @private Begin with `Answer.post` or `Answer.get`. @param {StreamHandlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }

  /** End the answer now: the connection is closed before this returns. No effect after the end. */
  stop() {
    this.#close();
    this.#enter({ name: "ended", reason: "stopped", usage: null });
  }

  async #post(/** @type {string | URL} */ url, /** @type {RequestInit} */ request) {
    const controller = new AbortController();
    this.#close = () => controller.abort();
    const decoders = { events: EventStreamDecoder, json: JsonDecoder };
    const events = received(url, { ...request, signal: controller.signal }, decoders, {
      onOpen: () => this.#open(),
      onBytes: (bytes) => this.#tell("onBytes", bytes),
    });
    try {
      // Read on after the last event: the server would take an early leave for a departure.
      for await (const event of events) this.#receive(event);
      this.#broke(failed(this.#hasUnread && !this.#form ? "unknown_form" : "truncated"));
    } catch (error) {
      if (controller.signal.aborted) return;
      if (!(error instanceof StreamFailure || error instanceof EventTooLarge)) throw error;
      this.#broke(error);
    }
  }

  /** @param {string | URL} url @param {{credentials?: RequestCredentials}} options */
  #get(url, { credentials }) {
    const source = new EventSource(url, { withCredentials: credentials === "include" });
    this.#close = () => source.close();
    /** @param {MessageEvent} message */
    const receive = ({ type, data, lastEventId }) => {
      this.#receive({ event: type, data, id: lastEventId });
      if (this.#over) source.close(); // else it would come back and ask for the answer again
    };
    source.addEventListener("open", () => this.#open());
    const types = new Set(["opened", "message", "loading", ...(this.#handlers.events ?? [])]);
    for (const type of types) source.addEventListener(type, receive);
    source.addEventListener("error", (event) => {
      // Two events have this name: the server's event of the type "error", and the connection's own.
      if (event instanceof MessageEvent) receive(event);
      else if (source.readyState === source.CLOSED) {
        this.#broke(failed(this.#opened ? "not_resumed" : "refused")); // EventSource hides the reason
      } else if (this.#isFinished()) {
        source.close();
        this.#end();
      } else if (this.#opened) this.#enter({ name: "reconnecting" });
      else {
        source.close(); // it knows no ID yet: it would ask for the answer again
        this.#fail(failed("network"));
      }
    });
  }

  #open() {
    this.#opened = true;
    this.#enter({ name: this.#said ? "streaming" : "waiting" });
  }

  #receive(/** @type {StreamEvent} */ event) {
    if (this.#over) return;
    this.#tell("onEvent", event);
    const said = jsonIn(event.data);
    for (const form of this.#form ? [this.#form] : [messageIn, chunkIn]) {
      const piece = form(said, event, this.#form !== null);
      if (!piece) continue;
      this.#form = form;
      return this.#take(piece);
    }
    if (event.event === "error") this.#trouble ??= failureTold(said ?? event.data);
    else if (event.event === "loading" && isObject(said)) this.#loading(said);
    else this.#hasUnread = true;
  }

  #take(/** @type {Piece} */ { delta, content, isWhole, usage, reason, error, isLast }) {
    if (isObject(usage)) this.#usage = usage;
    if (!(isWhole && this.#said)) this.#say(delta, content);
    this.#reason = reason || this.#reason;
    if (error) this.#fail(failureTold(error));
    else if (isLast) this.#end();
  }

  /** @param {Record<string, any>} delta @param {unknown} content */
  #say(delta, content) {
    const refusal = textIn(delta.refusal);
    let text = textIn(content);
    if (text.endsWith(refusal)) text = text.slice(0, text.length - refusal.length); // said twice
    this.#hasRefused ||= refusal !== "";
    this.#pass("onReasoning", reasoningIn(delta, content));
    this.#pass("onText", text);
    this.#pass(this.#handlers.onRefusal ? "onRefusal" : "onText", refusal);
    for (const fragment of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) {
      if (!isObject(fragment)) continue;
      this.#calls.add(fragment);
      this.#stream();
    }
  }

  /** Pass a text on. A character that is cut in two waits for its second half. */
  #pass(/** @type {"onText" | "onReasoning" | "onRefusal"} */ name, /** @type {string} */ text) {
    if (text === "" || this.#over) return;
    this.#stream();
    const joined = this.#cut[name] + text;
    this.#cut[name] = CUT_CHARACTER.exec(joined)?.[0] ?? "";
    const whole = joined.slice(0, joined.length - this.#cut[name].length);
    if (whole) this.#tell(name, whole.replace(LONE_HALVES, "\uFFFD"));
  }

  #stream() {
    this.#said = true;
    if (this.state.name !== "streaming") this.#enter({ name: "streaming" });
  }

  #loading(/** @type {Record<string, any>} */ { model, progress }) {
    const known = typeof progress === "number" && progress >= 0 ? progress : null;
    if (known !== null && known >= 1) this.#enter({ name: "waiting" });
    else this.#enter({ name: "loading", model: isText(model) ? model : "", progress: known });
  }

  /** Whether the model has stopped, in a form that has a last event besides. */
  #isFinished() {
    return this.#form === chunkIn && this.#reason !== "";
  }

  #end() {
    if (this.#over) return;
    if (!this.#reason && !this.#said) return this.#fail(failed("no_answer"));
    const calls = this.#calls.all;
    let reason = this.#reason || "complete";
    if (reason === "complete" && this.#hasRefused) reason = "refusal";
    if (reason === "complete" && calls.length > 0) reason = "tool_calls";
    this.#tellRest();
    if (reason === "tool_calls" && calls.length > 0) this.#tell("onToolCalls", calls);
    this.#enter({ name: "ended", reason, usage: this.#usage });
  }

  /** The connection is over. */
  #broke(/** @type {StreamFailure | EventTooLarge} */ failure) {
    if (this.#isFinished() && failure instanceof StreamFailure) this.#end();
    else this.#fail(this.#trouble ?? failure);
  }

  #fail(/** @type {StreamFailure | EventTooLarge} */ failure) {
    this.#tellRest();
    this.#enter({ name: "failed", reason: failure.message, ...failure.facts });
  }

  /** Tell of the characters whose second half never came. */
  #tellRest() {
    for (const [name, half] of Object.entries(this.#cut)) {
      if (half && !this.#over) this.#tell(name, "\uFFFD");
    }
  }

  #enter(/** @type {StreamState} */ state) {
    if (this.#over) return;
    this.state = state;
    this.#over = state.name === "ended" || state.name === "failed";
    if (this.#over) this.#finish(state);
    this.#tell("onState", state);
  }

  /** Call a function of the page's. @param {string} name @param {unknown} value */
  #tell(name, value) {
    try {
      /** @type {any} */ (this.#handlers)[name]?.(value);
    } catch (error) {
      report(error);
    }
  }
}

export { Answer as LLMStream };

/** Have the page's `error` event tell of an error, as a browser does with an event listener's. */
function report(/** @type {unknown} */ error) {
  if (globalThis.reportError) globalThis.reportError(error);
  else queueMicrotask(() => { throw error; });
}

const MAY_GROW = /[\p{Extended_Pictographic}\p{Regional_Indicator}\p{M}\u200D]$/u;

/**
 * Shows text as if it were typed, in whole grapheme clusters. The more text waits, the faster it
 * types: it is about a third of `maxLag` behind, and never more than `maxLag` and a frame. If the user
 * prefers reduced motion, or looks at another tab, the text comes at once.
 */
export class Typewriter {
  #write;
  #maxLag;
  #now;
  #requestFrame;
  #atOnce;
  #segment;
  /** @type {{text: string, due: number}[]} */
  #waiting = [];
  #credit = 0;
  #lastFrame = 0;
  #running = false;
  #finishing = false;
  /** @type {(() => void)[]} */
  #finished = [];

  /**
   * @param {(text: string) => void} write appends a piece of text to what is shown
   * @param {object} [options]
   * @param {number} [options.maxLag] milliseconds; default 300
   * @param {() => number} [options.now] a clock, in milliseconds
   * @param {(frame: () => void) => unknown} [options.requestFrame] default `requestAnimationFrame`
   * @param {() => boolean} [options.atOnce] whether to show text as it comes
   * @param {(text: string) => string[]} [options.segment] into grapheme clusters
   */
  constructor(write, options = {}) {
    this.#write = write;
    this.#maxLag = options.maxLag ?? 300;
    this.#now = options.now ?? (() => performance.now());
    this.#requestFrame = options.requestFrame ?? ((frame) => requestAnimationFrame(frame));
    this.#atOnce = options.atOnce ?? motionless;
    this.#segment = options.segment ?? graphemes;
  }

  push(/** @type {string} */ text) {
    this.#finishing = false;
    const due = this.#now() + this.#maxLag;
    const last = this.#waiting.pop() ?? { text: "", due }; // the new text may continue its cluster
    for (const [index, cluster] of this.#segment(last.text + text).entries()) {
      this.#waiting.push({ text: cluster, due: index === 0 ? last.due : due });
    }
    this.#run();
  }

  /** Say that no more text comes for now. Resolves when all is shown. @returns {Promise<void>} */
  finish() {
    this.#finishing = true;
    return new Promise((resolve) => {
      this.#finished.push(resolve);
      this.#run();
    });
  }

  /** Show all waiting text now. */
  flush() {
    this.#show(this.#waiting.length);
  }

  #run() {
    if (this.#waiting.length === 0 || this.#atOnce()) this.#show(this.#complete());
    else if (!this.#running) this.#begin();
  }

  #begin() {
    this.#credit = 1; // the first text after a silence is shown in the next frame
    this.#request(this.#now());
  }

  #request(/** @type {number} */ now) {
    this.#running = true;
    this.#lastFrame = now;
    this.#requestFrame(() => this.#frame());
  }

  #frame() {
    const now = this.#now();
    this.#running = false;
    try {
      this.#show(this.#ready(now));
    } finally {
      if (this.#complete() > 0) this.#request(now); // also where the page's own function throws
    }
  }

  /** How many clusters this frame shows: a share of the waiting ones, and all that are due. */
  #ready(/** @type {number} */ now) {
    const waiting = this.#waiting;
    this.#credit += ((now - this.#lastFrame) * waiting.length) / (this.#maxLag / 3);
    const most = this.#complete();
    let count = Math.min(Math.floor(this.#credit), most);
    if (count === waiting.length && this.#lastIs(MAY_GROW)) count -= 1;
    while (count < most && waiting[count].due <= now) count += 1;
    this.#credit = Math.max(0, Math.min(this.#credit - count, 1));
    return count;
  }

  /** How many clusters may be shown: not the half of a character, whose other half will come. */
  #complete() {
    return this.#waiting.length - (this.#lastIs(CUT_CHARACTER) ? 1 : 0);
  }

  #lastIs(/** @type {RegExp} */ unfinished) {
    const last = this.#waiting[this.#waiting.length - 1];
    return !this.#finishing && last !== undefined && unfinished.test(last.text);
  }

  #show(/** @type {number} */ count) {
    const shown = this.#waiting.splice(0, count);
    try {
      if (count > 0) this.#write(shown.map(({ text }) => text).join(""));
    } finally {
      const finished = this.#waiting.length > 0 ? [] : this.#finished.splice(0);
      for (const resolve of finished) resolve();
    }
  }
}

function motionless() {
  return document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
}

const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter();

/** @param {string} text whole grapheme clusters; whole code points in an old browser */
function graphemes(text) {
  if (!segmenter) return Array.from(text);
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
