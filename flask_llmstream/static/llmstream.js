/**
 * The browser's side of flask_llmstream: one ES module, no build step, no dependencies.
 *
 * - `Answer`, also exported as `LLMStream`, reads an answer over either transport and reports its
 *   state and its text.
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
 * `waiting`: for the first token. `ended.reason`: `complete`, `stopped` (by this side) or the server's
 * own word. `failed.reason`: one sentence for people.
 */

const MAX_EVENT_LENGTH = 1_048_576;

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
}

/**
 * The facts of a failure, for programs.
 *
 * @typedef {object} FailureFacts
 * @property {string} code the server's own word, or this module's: `network`, `http_error`,
 *   `not_an_event_stream`, `truncated`, `too_large`, `refused`, `not_resumed`
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

function truncated() {
  const message = "The connection broke before the answer was complete.";
  return new StreamFailure(message, { code: "truncated" });
}

function unreachable() {
  return new StreamFailure("The server can't be reached.", { code: "network" });
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
 *   the stream has begun, `onBytes` with each chunk as it came
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 * @throws {StreamFailure} no connection, a status of 400 or more, an answer that is no event
 *   stream, a connection that breaks
 * @throws {EventTooLarge} an event past the decoder's bound
 */
export async function* postEvents(url, body, { onOpen, onBytes, ...init } = {}) {
  const headers = new Headers(init.headers);
  headers.set("Content-Type", "application/json");
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  const request = { ...init, headers, method: "POST", body: JSON.stringify(body) };
  const response = await unlessAborted(fetch(url, request), init.signal, unreachable);
  const reader = await readerOf(response);
  onOpen?.(response);
  const decoder = new EventStreamDecoder();
  try {
    for (;;) {
      const { done, value } = await unlessAborted(reader.read(), init.signal, truncated);
      if (done) return;
      onBytes?.(value);
      yield* decoder.feed(value);
    }
  } finally {
    reader.cancel().catch(() => {}); // read() has thrown already if the body broke
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | null | undefined} signal
 * @param {() => StreamFailure} failure the meaning of a rejection without an abort
 */
async function unlessAborted(promise, signal, failure) {
  try {
    return await promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw Object.assign(failure(), { cause: error });
  }
}

/** @param {Response} response */
async function readerOf(response) {
  if (response.status >= 400) throw await failureOf(response);
  const type = response.headers.get("Content-Type") ?? "";
  if (response.body && /^text\/event-stream\s*(;|$)/i.test(type)) return response.body.getReader();
  response.body?.cancel();
  const found = type || "nothing";
  throw new StreamFailure(`The server answered with ${found} instead of an event stream.`, {
    code: "not_an_event_stream",
    status: response.status,
  });
}

/** @param {Response} response with `{"error": {code, message, field?, id?}}`, or a proxy's page */
async function failureOf(response) {
  const { status, statusText } = response;
  const facts = { code: "http_error", status, retryAfter: secondsUntilRetry(response.headers) };
  const error = jsonIn(await response.text().catch(() => ""))?.error;
  const plain = `The server answered ${status} ${statusText}`.trim() + ".";
  return failureTold({ message: plain, ...error }, facts);
}

/**
 * @param {any} error the server's error object, from before the stream or from the stream
 * @param {FailureFacts} facts
 */
function failureTold({ message = "The answer failed.", ...told }, facts) {
  const { code = facts.code, field, id } = told;
  return new StreamFailure(message, { ...facts, code, field, id });
}

/** @param {Headers} headers `Retry-After` in either of its forms @returns {number | undefined} */
function secondsUntilRetry(headers) {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}

/** @param {string} text @returns {any} the JSON in it, or `null` */
function jsonIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The functions that an answer calls. All are optional. `onState` gets every state after `connecting`,
 * the first.
 *
 * @typedef {object} StreamHandlers
 * @property {(state: StreamState) => void} [onState]
 * @property {(text: string) => void} [onText] each piece of the answer
 * @property {(event: StreamEvent) => void} [onEvent] each event, also events that this class ignores
 * @property {string[]} [events] the server's own event types. A GET needs them, because `EventSource`
 *   hears only the types it is given; a POST hears all
 * @property {(bytes: Uint8Array) => void} [onBytes] each chunk as it came; POST only
 */

/**
 * An answer in the message format, over either transport, from `connecting` to its one end.
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
  #hasText = false;
  #over = false;

  /**
   * @param {string | URL} url
   * @param {unknown} body sent as JSON
   * @param {StreamHandlers & {headers?: HeadersInit, credentials?: RequestCredentials}} [options]
   *   `credentials`: as for `fetch`; `include` sends the user's cookies to another site, too
   */
  static post(url, body, options = {}) {
    const stream = new Answer(options);
    stream.#post(url, body, options);
    return stream;
  }

  /**
   * @param {string | URL} url
   * @param {StreamHandlers & {credentials?: RequestCredentials}} [options] `credentials`: `include`
   *   sends the user's cookies to another site, too
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

  /**
   * @param {string | URL} url
   * @param {unknown} body
   * @param {StreamHandlers & {headers?: HeadersInit, credentials?: RequestCredentials}} options
   */
  async #post(url, body, { headers, credentials, onBytes }) {
    const controller = new AbortController();
    this.#close = () => controller.abort();
    const onOpen = () => this.#open();
    const init = { headers, credentials, onBytes, onOpen, signal: controller.signal };
    try {
      // Read on after the last event: the server would take an early leave for a departure.
      for await (const event of postEvents(url, body, init)) this.#receive(event);
      this.#fail(truncated());
    } catch (error) {
      if (controller.signal.aborted) return;
      if (!(error instanceof StreamFailure || error instanceof EventTooLarge)) throw error;
      this.#fail(error);
    }
  }

  /** @param {string | URL} url @param {{credentials?: RequestCredentials}} options */
  #get(url, { credentials }) {
    const source = new EventSource(url, { withCredentials: credentials === "include" });
    this.#close = () => source.close();
    /** @param {MessageEvent} message */
    const receive = ({ type, data, lastEventId }) => {
      try {
        this.#receive({ event: type, data, id: lastEventId });
      } finally {
        if (this.#over) source.close(); // else it would come back and ask for the answer again
      }
    };
    source.addEventListener("open", () => this.#open());
    const types = new Set(["opened", "message", "loading", ...(this.#handlers.events ?? [])]);
    for (const type of types) source.addEventListener(type, receive);
    source.addEventListener("error", (event) => {
      // Two events have this name: the server's event of the type "error", and the connection's own.
      if (event instanceof MessageEvent) receive(event);
      else if (source.readyState === source.CLOSED) this.#fail(this.#refused());
      else if (this.#opened) this.#enter({ name: "reconnecting" });
      else {
        source.close(); // it knows no ID yet: it would ask for the answer again
        this.#fail(unreachable());
      }
    });
  }

  #open() {
    this.#opened = true;
    this.#enter({ name: this.#hasText ? "streaming" : "waiting" });
  }

  #receive(/** @type {StreamEvent} */ event) {
    if (this.#over) return;
    this.#handlers.onEvent?.(event);
    const said = jsonIn(event.data);
    if (said?.ended === true) this.#end(said);
    else if (said?.ended === false && said.message) this.#text(String(said.message));
    else if (event.event === "loading" && said) this.#loading(said);
  }

  /** @param {{error?: any, reason?: string, usage?: object | null}} said */
  #end({ error, reason = "complete", usage = null }) {
    if (error) this.#fail(failureTold(error, { code: "error" }));
    else this.#enter({ name: "ended", reason, usage });
  }

  #text(/** @type {string} */ text) {
    this.#hasText = true;
    if (this.state.name !== "streaming") this.#enter({ name: "streaming" });
    this.#handlers.onText?.(text);
  }

  /** @param {{model?: string, progress?: number | null}} said */
  #loading({ model = "", progress = null }) {
    const loaded = progress !== null && progress >= 1;
    this.#enter(loaded ? { name: "waiting" } : { name: "loading", model, progress });
  }

  /** EventSource hides the status and the message, so this failure has words of its own. */
  #refused() {
    const code = this.#opened ? "not_resumed" : "refused";
    const message = this.#opened
      ? "The connection broke, and the server could not resume the answer."
      : "The server refused the stream. EventSource does not tell why; a POST would.";
    return new StreamFailure(message, { code });
  }

  #fail(/** @type {StreamFailure | EventTooLarge} */ failure) {
    this.#enter({ name: "failed", reason: failure.message, ...failure.facts });
  }

  #enter(/** @type {StreamState} */ state) {
    if (this.#over) return;
    this.state = state;
    this.#over = state.name === "ended" || state.name === "failed";
    if (this.#over) this.#finish(state);
    this.#handlers.onState?.(state);
  }
}

export { Answer as LLMStream };

const MAY_GROW = /[\p{Extended_Pictographic}\p{Regional_Indicator}\p{M}\u200D\uD800-\uDBFF]$/u;

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
    if (this.#waiting.length === 0 || this.#atOnce()) this.flush();
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
    this.#show(this.#ready(now));
    if (this.#waiting.length > 0) this.#request(now);
  }

  /** How many clusters this frame shows: a share of the waiting ones, and all that are due. */
  #ready(/** @type {number} */ now) {
    const waiting = this.#waiting;
    this.#credit += ((now - this.#lastFrame) * waiting.length) / (this.#maxLag / 3);
    let count = Math.min(Math.floor(this.#credit), waiting.length);
    if (count === waiting.length && count > 0 && this.#lastMayGrow()) count -= 1;
    while (count < waiting.length && waiting[count].due <= now) count += 1;
    this.#credit = Math.max(0, Math.min(this.#credit - count, 1));
    return count;
  }

  #lastMayGrow() {
    return !this.#finishing && MAY_GROW.test(this.#waiting[this.#waiting.length - 1].text);
  }

  #show(/** @type {number} */ count) {
    const shown = this.#waiting.splice(0, count);
    if (count > 0) this.#write(shown.map(({ text }) => text).join(""));
    if (this.#waiting.length > 0) return;
    for (const resolve of this.#finished.splice(0)) resolve();
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
