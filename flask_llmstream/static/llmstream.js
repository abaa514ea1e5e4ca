/**
 * The browser's side of flask_llmstream: one ES module, no build step, no dependencies.
 *
 * - `Answer`, also exported as `LLMStream`, reads an answer over either transport and reports its
 *   state and all that the model says. It resumes an answer that the server keeps.
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
 * - `gap`: the server has lost a part of the answer;
 * - `stopped`, `left`: by this side;
 * - other words are the server's own: `timeout`, `cancelled` …
 */

/**
 * The facts of a failure, for programs.
 *
 * @typedef {object} FailureFacts
 * @property {string} code the server's own word, or this module's: `network`, `http_error`,
 *   `not_an_event_stream`, `no_answer`, `truncated`, `too_large`, `error`, `refused`, `not_resumed`
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
  no_answer: "The server ended the stream without an answer.",
  refused: "The server refused the stream. EventSource does not tell why; a POST would.",
  not_resumed: "The connection broke, and the server could not resume the answer.",
  too_large: "An event is too large.",
  error: "The answer failed.",
};

/** A failure that this side saw. @param {string} code */
function failed(code) {
  return new StreamFailure(SENTENCES[code], { code });
}

const MAX_EVENT_LENGTH = 1_048_576;
const MAX_ANSWER_LENGTH = 16 * MAX_EVENT_LENGTH;
const MAX_ERROR_LENGTH = 65_536;
const MAX_WORDS = 500;

/** The parser of event streams, for bytes that arrive in any pieces. */
export class EventStreamDecoder {
  /** The `Last-Event-ID` that a reader sends when it reconnects. */
  lastEventId = "";
  /** @type {number | null} the reconnection time that the stream gave, in milliseconds */
  retry = null;
  #utf8 = new TextDecoder(); // it removes a BOM
  #maxEventLength;
  #afterCR = false;
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
   * @throws {StreamFailure} `too_large`: past the bound. This decoder can't be used any more
   */
  feed(chunk) {
    /** @type {StreamEvent[]} */
    const events = [];
    const text = this.#utf8.decode(chunk, { stream: true });
    if (text === "") return events;
    const isRest = this.#afterCR && text[0] === "\n"; // of a CRLF that is cut in two
    const lines = text.slice(isRest ? 1 : 0).split(/\r\n?|\n/);
    lines[0] = this.#line + lines[0];
    this.#afterCR = text.endsWith("\r");
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      this.#checkLength(line);
      if (line) this.#field(line, events);
      else this.#dispatch(events);
    }
    this.#checkLength(this.#line);
    return events;
  }

  #checkLength(/** @type {string} */ line) {
    if (this.#dataLength + line.length > this.#maxEventLength) throw failed("too_large");
  }

  /** @param {string} line @param {StreamEvent[]} events */
  #field(line, events) {
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
    } else {
      this.stray(line, events);
    }
  }

  /**
   * A line that the standard ignores.
   *
   * @protected
   * @param {string} _line
   * @param {StreamEvent[]} _events
   */
  stray(_line, _events) {}

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
    /** @type {StreamEvent[]} */
    const events = [];
    if (this.#line) this.#field(this.#line, events);
    return events;
  }
}

/**
 * The decoder of an answer: an event stream, JSON, or an object on each line. Some servers write an
 * error into an event stream as a line of JSON, or as a field `error`. Ours writes a gap as a comment
 * where the form has no event for it.
 */
class AnswerDecoder extends EventStreamDecoder {
  #json = "";

  constructor() {
    super({ maxEventLength: MAX_ANSWER_LENGTH });
  }

  /** @override @param {string} line @param {StreamEvent[]} events */
  stray(line, events) {
    if (line.startsWith("error:")) events.push(eventOf(line.slice(6), "error"));
    else if (line.startsWith(": gap ")) events.push(eventOf(line.slice(6), "gap"));
    else if (!this.#json && isObject(jsonIn(line))) events.push(eventOf(line));
    else if (this.#json || /^\s*\{/.test(line)) this.#json += line + "\n";
    if (this.#json.length > MAX_ANSWER_LENGTH) throw failed("too_large");
  }

  /** @override */
  end() {
    const events = super.end();
    return this.#json ? [...events, eventOf(this.#json)] : events;
  }
}

/** @param {string} data @returns {StreamEvent} */
function eventOf(data, event = "message") {
  return { event, data, id: "" };
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
 *   the server has accepted the request, `onBytes` with each chunk as it came. The loop throws what
 *   they throw
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 * @throws {StreamFailure} no connection, a status other than 2xx, an answer that is no event
 *   stream (its first bytes decide, whatever its type), a connection that breaks, an event past the
 *   decoder's bound
 * @throws {TypeError} JSON can't hold the body
 */
export async function* postEvents(url, body, { onOpen, onBytes, ...init } = {}) {
  const request = jsonPost(body, init);
  yield* received(url, request, new EventStreamDecoder(), STREAM_START, onOpen, onBytes);
}

/** @param {unknown} body @param {RequestInit} init @returns {RequestInit} */
function jsonPost(body, init) {
  const headers = new Headers(init.headers);
  headers.set("Content-Type", "application/json");
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  return { ...init, headers, method: "POST", body: JSON.stringify(body) };
}

// The first bytes decide what a body is. Its type does not: servers label an event stream as anything.
const STREAM_START = /^\s*(:|(data|event|id|retry)[:\r\n])/;
const ANSWER_START = /^\s*([{:]|(data|event|id|retry|error)[:\r\n])/;
const LONGEST_START = "event:".length;
const OTHER_START = /^\s*[<{[]/;

/**
 * @param {string | URL} url
 * @param {RequestInit} request
 * @param {EventStreamDecoder} decoder
 * @param {RegExp} start of a body that the decoder reads
 * @param {(response: Response) => void} [onOpen]
 * @param {(bytes: Uint8Array) => void} [onBytes]
 */
async function* received(url, request, decoder, start, onOpen, onBytes) {
  const response = await unlessAborted(fetch(url, request), request.signal, "network");
  const body = new Body(response, request.signal);
  try {
    if (response.ok) onOpen?.(response);
    if (!(response.ok && (await body.begins(start)))) throw await failureOf(response, body);
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
 * @param {T} promise
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
    this.#reader = response.body?.getReader();
    this.#signal = signal;
  }

  /** Whether it begins so. @param {RegExp} start */
  async begins(start) {
    await this.readUntil(() => start.test(this.text) || this.text.trim().length >= LONGEST_START);
    return start.test(this.text);
  }

  /** Read its start, which stays a part of `pieces()`. @param {() => boolean} suffices */
  async readUntil(suffices) {
    for (let piece; !suffices() && (piece = await this.#next()); ) {
      this.#first.push(piece);
      this.text += this.#utf8.decode(piece, { stream: true });
    }
  }

  async *pieces() {
    yield* this.#first.splice(0);
    for (let piece; (piece = await this.#next()); ) yield piece;
  }

  async #next() {
    return (await unlessAborted(this.#reader?.read(), this.#signal, "truncated"))?.value;
  }

  cancel() {
    this.#reader?.cancel().catch(() => {}); // read() has thrown already if the body broke
  }
}

/** The failure of a response that is no answer. @param {Response} response @param {Body} body */
async function failureOf(response, body) {
  const { ok, status, statusText, headers } = response;
  try {
    await body.readUntil(() => body.text.length >= MAX_ERROR_LENGTH);
  } catch (error) {
    if (!(error instanceof StreamFailure)) throw error; // an abort
  }
  const plain = `The server answered ${status} ${statusText}`.trim();
  const words = ok || OTHER_START.test(body.text) ? null : body.text;
  return failureTold(jsonIn(body.text, words), plain + (ok ? " without an event stream." : "."), {
    code: ok ? "not_an_event_stream" : "http_error",
    status,
    id: headers.get("X-Request-ID") ?? undefined,
    retryAfter: secondsUntilRetry(headers),
  });
}

/** @param {Headers} headers `Retry-After` in either of its forms @returns {number | undefined} */
function secondsUntilRetry(headers) {
  const value = headers.get("Retry-After") ?? "";
  const isDate = /GMT$/.test(value);
  const seconds = isDate ? (Date.parse(value) - Date.now()) / 1000 : parseFloat(value);
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** The JSON that should be an answer, if it is an error. @param {any} said */
function errorIn(said) {
  return said?.error || [said?.object, said?.type].includes("error") ? said : undefined;
}

/**
 * @param {unknown} error in any shape that servers give it
 * @param {string} [plain] the words where it has none
 * @param {FailureFacts} [facts] that are known besides
 */
function failureTold(error, plain = SENTENCES.error, facts = { code: "error" }) {
  /** @type {Record<string, any>} */
  const members = {};
  const words = wordsIn(error, members);
  const texts = (/** @type {string[]} */ ...names) => names.map((name) => members[name]).filter(isText);
  const codes = texts("code", "type", "error_type", "status", "error");
  const number = [members.status, members.code].find(Number.isFinite);
  return new StreamFailure(shortened(words) || plain, {
    ...facts,
    code: codes.find((code) => code !== words) ?? String(number ?? facts.code),
    id: texts("id", "request_id")[0] ?? facts.id,
    field: texts("field", "param")[0] ?? placeIn(members.loc),
  });
}

/** FastAPI's place of an error, without the first part, `body`. @param {unknown} loc */
function placeIn(loc) {
  const parts = Array.isArray(loc) ? loc.slice(1) : [];
  return parts.filter((part) => typeof part !== "object").join(".") || undefined;
}

const WORDS = ["error_message", "message", "detail", "error_description", "msg", "error", "title"];
const MAX_DEPTH = 5;

/**
 * The words of an error; `""` without any.
 *
 * @param {any} error
 * @param {Record<string, any>} members gets those of the error's objects; an inner one hides an outer
 * @returns {string}
 */
function wordsIn(error, members, depth = 0) {
  if (isText(error)) return error;
  if (error === null || typeof error !== "object" || depth > MAX_DEPTH) return "";
  const inside = (/** @type {any} */ one) => wordsIn(one, members, depth + 1);
  if (Array.isArray(error)) return error.map(inside).filter(isText).join("; ");
  let words = "";
  for (const name of WORDS) words ||= inside(error[name]);
  const { id, type, ...around } = error; // an error inside has its own
  const own = WORDS.some((name) => isObject(error[name])) ? around : error;
  for (const [name, value] of Object.entries(own)) members[name] ??= value;
  return words;
}

/** @param {any} value @returns {value is Record<string, any>} an object that is no list */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {unknown} value @returns {Record<string, any>[]} the objects of a list */
function objectsIn(value) {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** @param {unknown} value @returns {value is string} a text that is not blank */
function isText(value) {
  return typeof value === "string" && value.trim() !== "";
}

/** @param {string} text @param {unknown} otherwise @returns {any} the JSON in it */
function jsonIn(text, otherwise = null) {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** The text without blanks around it, and at most a paragraph. */
function shortened(/** @type {string} */ text) {
  const words = text.trim();
  if (words.length <= MAX_WORDS) return words;
  return words.slice(0, MAX_WORDS).replace(CUT_CHARACTER, "") + " …";
}

const CUT_CHARACTER = /[\uD800-\uDBFF]$/;

/**
 * What one event says of an answer.
 *
 * @typedef {object} Piece
 * @property {Record<string, any>} delta what it adds; `content`: its text, or a list of its parts
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
  const { ended: isLast, usage } = said;
  const delta = { ...said, content: said.message };
  if (!isLast) return { delta };
  const word = isText(said.reason) ? said.reason : "complete";
  const finish = word === "complete" ? usage?.finish_reason : word === "error" && word;
  const reason = finishOf(finish) || word;
  return { delta, usage, reason, error: said.error || errorOf(finish), isLast };
}

const DONE = /^\s*"?\[DONE\]"?\s*$/;

/** Chat completions in OpenAI's form, streamed or whole, and legacy completions. @type {Form} */
function chunkIn(said, { event, data }, isKnown) {
  if (DONE.test(data)) return { delta: {}, isLast: true };
  // Of several choices the first is read.
  const choice = objectsIn(said?.choices).find(({ index }) => !index) ?? {};
  const { delta, message, text, finish_reason } = choice;
  const named = event === "error" ? { detail: said ?? data } : errorOf(finish_reason);
  const error = errorIn(said) ?? errorIn(choice) ?? named;
  const parts = [delta, message].filter(isObject);
  const part = parts.find((one) => Object.keys(one).length > 0) ?? { content: text };
  if (!(parts[0] || typeof text === "string" || isText(finish_reason) || error || isKnown)) return null;
  return {
    delta: part,
    isWhole: part === message,
    usage: [said?.usage, choice.usage, said?.x_groq?.usage].find(isObject),
    reason: finishOf(finish_reason) || (part === message ? "complete" : ""),
    error,
  };
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

/** The text of a member: a text, or the texts of a list's parts. @param {unknown} value */
function textIn(value) {
  const texts = [value, ...objectsIn(value).map(({ text }) => text)];
  return texts.filter((text) => typeof text === "string").join("");
}

/**
 * A call of a tool, in OpenAI's form, with the members that the server gave it besides.
 *
 * @typedef {{id?: string, type: string, function: {name: string, arguments: string}}} ToolCall
 *   `arguments`: a JSON text, as the model wrote it
 */

/**
 * Add a fragment to the calls that it may continue. As for OpenAI's clients, an index is one call. But
 * some servers give no index, or the same one to all; there another ID begins another call.
 *
 * @param {{index: unknown, call: ToolCall}[]} found
 * @param {Record<string, any>} fragment
 */
function addFragment(found, { index, id, type, function: told, ...others }) {
  const { name, arguments: json } = isObject(told) ? told : {};
  let last = found.filter((one) => one.index === index).pop();
  const isOther = isText(id) ? id !== (last?.call.id || id) : typeof index !== "number";
  if (!last || (isOther && isText(name))) {
    last = { index, call: { id: "", type: "function", function: { name: "", arguments: "" } } };
    found.push(last);
  }
  const { function: known, ...call } = last.call;
  const text = known.arguments + (isObject(json) ? asJson(json) : textIn(json));
  const joined = { ...known, ...textsOf({ name }), arguments: text };
  last.call = { ...call, ...others, ...textsOf({ id, type }), function: joined };
}

/** The members that are texts. @param {Record<string, unknown>} members */
function textsOf(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => isText(value)));
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
 * @property {(bytes: Uint8Array) => void} [onBytes] each chunk as it came. `EventSource` gives none
 */

/** @typedef {{headers?: HeadersInit, credentials?: RequestCredentials}} Access as for `fetch` */

/**
 * How an answer is resumed.
 *
 * @typedef {object} Resuming
 * @property {string | URL} [streams] where the server keeps its answers, with a slash at the end,
 *   relative to the answer's URL; default `streams/`, as in `/v1/chat/streams/`
 * @property {number} [stall] milliseconds without a byte, heartbeats included, after which a
 *   connection is dead; default 45,000, three heartbeats of the server; `Infinity`: never. When a page
 *   is shown again, half of it suffices; when it is online again, no time at all
 */

const STALL = 45_000;
const SECOND = 1_000;
const LONGEST_PAUSE = 10_000;
const LONGEST_WAIT = 3_600_000;
const STREAM_ID = /^[\w-]{32}$/;
const EVENT_ID = /^[\w-]{32}:(end\.)?[\d.]+$/;
const PLAIN_OPENING = /^[0-9a-f]+:0$/; // the only number of an answer that is not kept
const WHOLE = ["complete", "refusal", "tool_calls"];

/**
 * An answer over either transport, from `connecting` to its one end.
 *
 * Its server may write the message format or OpenAI's chat completions. The first event that says
 * something in one of these forms decides, and events of the other form are then left alone. A POST
 * may also be answered with JSON: whole, or an object on each line.
 *
 * A POST is never repeated. If the server keeps the answer, which the header `X-Stream-ID` says, a
 * connection that breaks or falls silent is followed by a GET of `streamUrl`, which goes on after the
 * last event. Otherwise a body that stops without the answer's end is a failure.
 *
 * A GET goes through `EventSource`. Once that has opened, it reconnects by itself until the server
 * forbids it. If the event IDs are those of an answer that is kept, a GET of `streamUrl` follows here,
 * too: it knows heartbeats and statuses, which `EventSource` hides.
 *
 * Between two tries passes the time that the server gave (`Retry-After`, `retry:`), and a random one of
 * up to 1 s, 2 s, 4 s, 8 s, 10 s. There is no last try. A page that is shown again, or online again, does
 * not wait.
 */
export class Answer {
  /** @type {StreamState} */
  state = { name: "connecting" };
  /** @type {Promise<StreamState>} resolves with the state that ended it */
  finished;
  /** @type {string | null} where the server keeps the answer, for `Answer.attach` in any tab */
  streamUrl = null;
  #options;
  #finish = (/** @type {StreamState} */ _state) => {};
  #close = () => {};
  /** Give the connection up, and make another. */
  #renew = () => {};
  /** End the pause before the next connection. */
  #hurry = () => {};
  #woken = false;
  #watch = new AbortController();
  #heardAt = 0;
  #lastEventId = "";
  /** @type {number | null} milliseconds */
  #retry = null;
  #opened = false;
  /** Whether the server has said, or not, that it keeps the answer. */
  #isKnown = false;
  #over = false;
  /** @type {Form | null} */
  #form = null;
  /** @type {StreamFailure | null} an error that the server told, and that does not end the answer */
  #trouble = null;
  #said = false;
  #hasRefused = false;
  #hasGap = false;
  /** @type {{index: unknown, call: ToolCall}[]} */
  #calls = [];
  #reason = "";
  /** @type {object | null} */
  #usage = null;

  /**
   * @param {string | URL} url
   * @param {unknown} body sent as JSON
   * @param {StreamHandlers & Resuming & Access} [options] `credentials`: `include` sends the user's
   *   cookies to another site, too
   * @throws {TypeError} JSON can't hold the body, or HTTP a header
   */
  static post(url, body, options = {}) {
    const answer = new Answer(options);
    const { headers, credentials } = options;
    answer.#read(url, jsonPost(body, { headers, credentials }));
    return answer;
  }

  /**
   * @param {string | URL} url
   * @param {StreamHandlers & Resuming & Access} [options] `credentials`: `include` sends the user's
   *   cookies to another site, too. `headers` are for resuming: `EventSource` sends none
   * @throws {DOMException} the URL is none
   */
  static get(url, options = {}) {
    const answer = new Answer(options);
    answer.#get(url);
    return answer;
  }

  /**
   * Read an answer that the server keeps, from its start, and go on live: after a reload, or in another
   * tab.
   *
   * @param {string | URL} url a `streamUrl`
   * @param {StreamHandlers & Resuming & Access} [options]
   */
  static attach(url, options = {}) {
    const answer = new Answer(options);
    answer.#keptAt(String(url));
    answer.#read(url, answer.#returning());
    return answer;
  }

  /**
   * @private Begin with `Answer.post`, `Answer.get` or `Answer.attach`.
   * @param {StreamHandlers & Resuming & Access} options
   */
  constructor(options) {
    this.#options = options;
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }

  /**
   * End the answer, on the server too. The state is `ended` before this returns. The connection is
   * closed too, or within a second if nothing has come from the server yet: it may keep the answer, and
   * must then be told. No effect after the end.
   */
  stop() {
    if (this.#over) return;
    if (this.#isKnown) this.#dismiss();
    else setTimeout(this.#close, SECOND);
    this.#enter({ name: "ended", reason: "stopped", usage: null });
  }

  /**
   * Close the connection now, and leave the answer to its other readers. A server that does not keep it
   * ends it. No effect after the end.
   */
  leave() {
    if (this.#over) return;
    this.#close();
    this.#enter({ name: "ended", reason: "left", usage: null });
  }

  #dismiss() {
    this.#close();
    const { headers, credentials } = this.#options;
    const request = { method: "DELETE", headers, credentials, keepalive: true };
    if (this.streamUrl) fetch(this.streamUrl, request).catch(() => {}); // without a reader it ends, too
  }

  /** One connection, and those that follow it. @param {string | URL} url @param {RequestInit} request */
  async #read(url, request) {
    await this.#resume(await this.#connection(url, request));
  }

  /** Connect until the answer is over. @param {StreamFailure} failure of the connection before */
  async #resume(failure) {
    let tries = 0;
    while (!this.#over && this.streamUrl && this.#mayPass(failure)) {
      this.#enter({ name: "reconnecting" });
      await this.#pause(failure, tries);
      if (this.#over) return;
      const before = this.#lastEventId;
      failure = await this.#connection(this.streamUrl, this.#returning());
      tries = this.#lastEventId === before ? tries + 1 : 0;
    }
    if (!this.#over) this.#broke(failure);
  }

  /**
   * One connection, to its end.
   *
   * @param {string | URL} url @param {RequestInit} request
   * @returns {Promise<StreamFailure>} why it is no more
   */
  async #connection(url, request) {
    const controller = new AbortController();
    const { signal } = controller;
    this.#close = () => controller.abort();
    this.#renew = () => controller.abort(failed("truncated"));
    this.#heardAt = Date.now();
    const decoder = new AnswerDecoder();
    const events = received(
      url,
      { ...request, signal },
      decoder,
      ANSWER_START,
      (response) => this.#open(response),
      (bytes) => this.#hear(bytes),
    );
    try {
      // Read on after the last event: the server would take an early leave for a departure.
      for await (const event of events) this.#receive(event);
    } catch (error) {
      if (error instanceof StreamFailure) return error;
      if (!signal.aborted) throw error;
    } finally {
      this.#retry = decoder.retry ?? this.#retry;
    }
    return failed(this.#form ? "truncated" : "no_answer");
  }

  #hear(/** @type {Uint8Array} */ bytes) {
    this.#heardAt = Date.now();
    this.#tell("onBytes", bytes);
  }

  /** @returns {RequestInit} for what follows the last event */
  #returning() {
    const headers = new Headers(this.#options.headers);
    headers.set("Accept", "text/event-stream");
    if (this.#lastEventId) headers.set("Last-Event-ID", this.#lastEventId);
    return { headers, credentials: this.#options.credentials, cache: "no-store" };
  }

  /** Whether another connection may bring the rest. @param {StreamFailure} failure */
  #mayPass({ facts: { code, status } }) {
    if (this.#trouble || this.#isFinished()) return false;
    if (status === undefined) return code !== "too_large";
    return status >= 500 || [408, 425, 429].includes(status);
  }

  /** @param {StreamFailure} failure @param {number} tries */
  async #pause({ facts: { retryAfter } }, tries) {
    const told = retryAfter === undefined ? (this.#retry ?? 0) : SECOND * retryAfter;
    const random = Math.random() * Math.min(LONGEST_PAUSE, SECOND * 2 ** tries);
    const wait = this.#woken ? 0 : Math.min(told, LONGEST_WAIT) + random;
    this.#renew = () => {};
    let timer;
    await new Promise((/** @type {(_?: unknown) => void} */ resolve) => {
      timer = setTimeout(resolve, wait);
      this.#close = resolve;
      if (!retryAfter) this.#hurry = resolve;
    });
    this.#woken = false;
    this.#hurry = () => {};
    clearTimeout(timer);
  }

  /** The server keeps the answer. @param {string} url */
  #keptAt(url) {
    this.#isKnown = true;
    this.streamUrl = url;
    if (this.#over) return;
    const { stall = STALL } = this.#options;
    const { signal } = this.#watch;
    const isSilent = (/** @type {number} */ time) => Date.now() - this.#heardAt >= time;
    const timer = setInterval(() => isSilent(stall) && this.#renew(), SECOND);
    signal.onabort = () => clearInterval(timer);
    // A connection dies while the page sleeps or the network is away, and no event tells of that.
    const wake = (/** @type {Event} */ { type }) => {
      if (type === "visibilitychange" && document.hidden) return;
      this.#hurry();
      this.#woken = type === "online" || isSilent(stall / 2);
      if (this.#woken) this.#renew();
    };
    for (const name of ["visibilitychange", "pageshow", "online"])
      globalThis.addEventListener?.(name, wake, { signal });
  }

  /** @param {string | null} id of a stream that is kept @param {string} url of its answer */
  #knowId(id, url) {
    this.#isKnown = true;
    if (this.streamUrl || !STREAM_ID.test(id ?? "")) return;
    const streams = new URL(this.#options.streams ?? "streams/", url);
    this.#keptAt(new URL(/** @type {string} */ (id), streams).href);
    if (this.#over) this.#dismiss(); // it was stopped before
  }

  #get(/** @type {string | URL} */ url) {
    const { credentials, events = [] } = this.#options;
    const source = new EventSource(url, { withCredentials: credentials === "include" });
    this.#close = () => source.close();
    this.#renew = () => {
      source.close();
      this.#resume(failed("network"));
    };
    /** @param {MessageEvent} message */
    const receive = ({ type, data, lastEventId }) => {
      this.#heardAt = Date.now();
      const isKept = EVENT_ID.test(lastEventId) && !PLAIN_OPENING.test(lastEventId);
      this.#knowId(isKept ? lastEventId.split(":")[0] : null, source.url);
      this.#receive({ event: type, data, id: lastEventId });
      if (this.#over) source.close(); // else it would come back and ask for the answer again
    };
    source.addEventListener("open", () => this.#open());
    for (const type of new Set(["opened", "message", "loading", "gap", ...events]))
      source.addEventListener(type, receive);
    source.addEventListener("error", (event) => {
      // Two events have this name: the server's event of the type "error", and the connection's own.
      if (event instanceof MessageEvent) receive(event);
      else if (this.#isFinished()) {
        source.close();
        this.#end();
      } else if (this.streamUrl) {
        this.#renew();
      } else if (source.readyState === source.CLOSED) {
        this.#broke(failed(this.#opened ? "not_resumed" : "refused")); // EventSource hides the reason
      } else if (this.#opened) this.#enter({ name: "reconnecting" });
      else {
        source.close(); // it knows no ID yet: it would ask for the answer again
        this.#fail(failed("network"));
      }
    });
  }

  /** @param {Response} [response] that of a `fetch` */
  #open(response) {
    this.#opened = true;
    if (response) this.#knowId(response.headers.get("X-Stream-ID"), response.url);
    this.#enter({ name: this.#said ? "streaming" : "waiting" });
  }

  #receive(/** @type {StreamEvent} */ event) {
    if (this.#over) return;
    if (EVENT_ID.test(event.id)) this.#lastEventId = event.id;
    this.#hasGap ||= event.event === "gap";
    this.#tell("onEvent", event);
    const said = jsonIn(event.data);
    for (const form of this.#form ? [this.#form] : [messageIn, chunkIn]) {
      const piece = form(said, event, this.#form !== null);
      if (!piece) continue;
      this.#form = form;
      return this.#take(piece);
    }
    if (event.event === "error" || errorIn(said)) this.#trouble ??= failureTold(said ?? event.data);
    else if (event.event === "loading" && isObject(said)) this.#loading(said);
  }

  #take(/** @type {Piece} */ { delta, isWhole, usage, reason, error, isLast }) {
    this.#trouble = null; // the answer goes on
    if (isObject(usage)) this.#usage = usage;
    if (!(isWhole && this.#said)) this.#say(delta);
    this.#reason = reason || this.#reason;
    if (error) this.#fail(failureTold(error));
    else if (isLast) this.#end();
  }

  #say(/** @type {Record<string, any>} */ delta) {
    const { content, reasoning_content, reasoning } = delta;
    const refusal = textIn(delta.refusal);
    const thoughts = objectsIn(content).map(({ thinking }) => textIn(thinking));
    let text = textIn(content);
    if (text.endsWith(refusal)) text = text.slice(0, text.length - refusal.length); // said twice
    this.#hasRefused ||= refusal !== "";
    this.#pass("onReasoning", textIn(reasoning_content) || textIn(reasoning) || thoughts.join(""));
    this.#pass("onText", text);
    this.#pass(this.#options.onRefusal ? "onRefusal" : "onText", refusal);
    const fragments = objectsIn(delta.tool_calls);
    for (const fragment of fragments) addFragment(this.#calls, fragment);
    if (fragments.length > 0) this.#stream();
  }

  #pass(/** @type {string} */ name, /** @type {string} */ text) {
    if (text === "" || this.#over) return;
    this.#stream();
    this.#tell(name, text);
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
    if (this.#over) return; // one of the page's functions has stopped it
    if (!this.#reason && !this.#said) return this.#fail(failed("no_answer"));
    const calls = this.#calls.map(({ call }) => call);
    let reason = this.#reason || "complete";
    if (reason === "complete" && this.#hasRefused) reason = "refusal";
    if (reason === "complete" && calls.length > 0) reason = "tool_calls";
    if (this.#hasGap && WHOLE.includes(reason)) reason = "gap";
    if (reason === "tool_calls" && calls.length > 0) this.#tell("onToolCalls", calls);
    this.#enter({ name: "ended", reason, usage: this.#usage });
  }

  /** No other connection follows. */
  #broke(/** @type {StreamFailure} */ failure) {
    const { status } = failure.facts;
    if (this.#isFinished() || (this.streamUrl && status === 204)) this.#end();
    else if (this.streamUrl && (status === 404 || status === 410))
      this.#fail(new StreamFailure(failure.message, { ...failure.facts, code: "not_resumed" }));
    else this.#fail(this.#trouble ?? failure);
  }

  #fail(/** @type {StreamFailure} */ failure) {
    this.#enter({ name: "failed", reason: failure.message, ...failure.facts });
  }

  #enter(/** @type {StreamState} */ state) {
    if (this.#over) return;
    this.state = state;
    this.#over = state.name === "ended" || state.name === "failed";
    if (this.#over) {
      this.#watch.abort();
      this.#finish(state);
    }
    this.#tell("onState", state);
  }

  /** Call a function of the page's. @param {string} name @param {unknown} value */
  #tell(name, value) {
    try {
      /** @type {any} */ (this.#options)[name]?.(value);
    } catch (error) {
      reportError(error); // the page's own `error` event tells of it, as of an event listener's
    }
  }
}

export { Answer as LLMStream };

/**
 * Shows text as if it were typed, in whole grapheme clusters. The more text waits, the faster it
 * types: it is about a third of `maxLag` behind, and never more than `maxLag` and a frame. If the user
 * prefers reduced motion, or looks at another tab, the text comes at once.
 */
export class Typewriter {
  #write;
  #maxLag;
  #atOnce;
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
   * @param {() => boolean} [options.atOnce] whether to show text as it comes
   */
  constructor(write, { maxLag = 300, atOnce = isStill } = {}) {
    this.#write = write;
    this.#maxLag = maxLag;
    this.#atOnce = atOnce;
  }

  push(/** @type {string} */ text) {
    this.#finishing = false;
    const due = performance.now() + this.#maxLag;
    let last = this.#waiting.pop() ?? { text: "", due }; // the new text may continue its cluster
    for (const cluster of graphemes(last.text + text)) {
      this.#waiting.push({ text: cluster, due: last.due });
      last = { text: "", due };
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
    if (this.#waiting.length === 0 || this.#atOnce()) return this.#show(this.#complete());
    if (this.#running) return;
    this.#credit = 1; // the first text after a silence is shown in the next frame
    this.#request(performance.now());
  }

  #request(/** @type {number} */ now) {
    this.#running = true;
    this.#lastFrame = now;
    requestAnimationFrame(() => this.#frame());
  }

  #frame() {
    const now = performance.now();
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
    while (count < most && waiting[count].due <= now) count += 1;
    this.#credit = Math.max(0, Math.min(this.#credit - count, 1));
    return count;
  }

  /** How many clusters may be shown: not the half of a character, whose other half will come. */
  #complete() {
    const last = this.#waiting[this.#waiting.length - 1];
    const isCut = last && !this.#finishing && CUT_CHARACTER.test(last.text);
    return this.#waiting.length - (isCut ? 1 : 0);
  }

  #show(/** @type {number} */ count) {
    const shown = this.#waiting.splice(0, count);
    try {
      if (count > 0) this.#write(shown.map(({ text }) => text).join(""));
    } finally {
      if (this.#waiting.length === 0) for (const resolve of this.#finished.splice(0)) resolve();
    }
  }
}

function isStill() {
  return document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
}

const segmenter = Intl.Segmenter && new Intl.Segmenter();

/** @param {string} text whole grapheme clusters; whole code points in an old browser */
function graphemes(text) {
  if (!segmenter) return [...text];
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
