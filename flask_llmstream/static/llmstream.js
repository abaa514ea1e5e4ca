/**
 * The browser's side of flask_llmstream: one ES module, no build step, no dependencies.
 *
 * - `Answer`, also exported as `LLMStream`, reads an answer and reports its state and all that the
 *   model says. It resumes an answer that the server keeps.
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
 *   `not_an_event_stream`, `no_answer`, `truncated`, `too_large`, `error`, `not_resumed`
 * @property {string} [id] the failure's ID in the server's log
 * @property {string} [field] the part of the request that is wrong
 * @property {number} [status] the HTTP status; none for a 200 whose body ended at once
 * @property {number} [retryAfter] seconds to wait before another try
 */

/** A stream could not be opened, or broke. `message` is one sentence for people. */
export class StreamFailure extends Error {
  name = "StreamFailure";

  /**
   * @param {string} message
   * @param {FailureFacts} facts
   * @param {{cause?: unknown}} [options]
   */
  constructor(message, facts, options) {
    super(message, options);
    /** The code among the facts. */
    this.code = facts.code;
    this.facts = facts;
  }
}

/** @type {Record<string, string>} what this side says of its own failures, by their code */
const SENTENCES = {
  network: "The server can't be reached.",
  truncated: "The connection broke before the answer was complete.",
  no_answer: "The server ended the stream without an answer.",
  too_large: "An event is too large.",
  error: "The answer failed.",
};

/** A failure that this side saw. @param {string} code @param {{cause?: unknown}} [options] */
function failed(code, options) {
  return new StreamFailure(SENTENCES[code], { code }, options);
}

const MAX_EVENT_LENGTH = 1_048_576;
const MAX_ANSWER_LENGTH = 16 * MAX_EVENT_LENGTH;
const MAX_ERROR_LENGTH = 65_536;
const MAX_WORDS = 500;

const LF = 10;
const SPACE = 32;
const COLON = 58;
const NOWHERE = 2 ** 30; // behind any text; a small integer, so that the loop stays fast
const STREAM = { stream: true };

/** The parser of event streams, for bytes that arrive in any pieces. */
export class EventStreamDecoder {
  /** The `Last-Event-ID` that a reader sends when it reconnects. */
  lastEventId = "";
  /** @type {number | null} the reconnection time that the stream gave, in milliseconds */
  retry = null;
  #utf8 = new TextDecoder(); // it removes a BOM
  #maxEventLength;
  #afterCR = false;
  /** The beginning of a line whose end has not come. */
  #rest = "";
  /** @type {string | null} `null`: no `data` line */
  #data = null;
  #dataLength = 0;
  #event = "";
  #id = "";
  /** @type {StreamEvent[]} those that the last bytes have completed */
  #events = [];

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
    this.#events = [];
    let text = this.#utf8.decode(chunk, STREAM);
    if (this.#afterCR && text) {
      this.#afterCR = false;
      if (text[0] === "\n") text = text.slice(1); // the rest of a CRLF
    }
    if (this.#rest && /[\r\n]/.test(text)) {
      text = [this.#rest, text].join(""); // flat: a sum of texts is slow to search
      this.#rest = "";
    }
    const end = this.#lines(text);
    if (end < text.length) this.#check((this.#rest += text.slice(end)).length);
    return this.#events;
  }

  /**
   * The hot loop: it looks at characters in their place, and makes no text but an event's own.
   *
   * @param {string} text
   * @returns {number} the end of its last whole line
   */
  #lines(text) {
    let cr = placeOf("\r", text, 0);
    for (let start = 0, lf = -1; ;) {
      if (lf < start) lf = placeOf("\n", text, start);
      const end = lf < cr ? lf : cr;
      if (end === NOWHERE) return start;
      this.#check(end - start);
      if (begins(text, start, 100, 97, 116, 97, COLON)) {
        // data:
        const data = valueIn(text, start + 5, end);
        if (this.#data === null && end === lf && text.charCodeAt(lf + 1) === LF) {
          this.#dispatch(data);
          start = lf + 2;
          continue;
        }
        this.#append(data, end - start);
      } else if (
        begins(text, start, 101, 118, 101, 110, 116) && // event
        text.charCodeAt(start + 5) === COLON
      ) {
        this.#event = valueIn(text, start + 6, end);
      } else if (text.startsWith("id: ", start)) this.#setId(text.slice(start + 4, end));
      else if (end > start) this.#field(text.slice(start, end));
      else this.#dispatch(this.#data);
      start = end + 1;
      if (end === cr) {
        if (start === lf) start += 1;
        else this.#afterCR = start === text.length;
        cr = placeOf("\r", text, start);
      }
    }
  }

  #check(/** @type {number} */ length) {
    if (this.#dataLength + length > this.#maxEventLength) throw failed("too_large");
  }

  /** @param {string} value of a `data` line @param {number} length of the line */
  #append(value, length) {
    this.#data = this.#data === null ? value : this.#data + "\n" + value;
    this.#dataLength += length;
  }

  #setId(/** @type {string} */ id) {
    if (!id.includes("\0")) this.#id = id;
  }

  /** @param {string} line that is rare, or not whole */
  #field(line) {
    const colon = placeOf(":", line, 0);
    const name = line.slice(0, colon);
    const value = valueIn(line, colon + 1, line.length);
    if (name === "id") this.#setId(value);
    else if (name === "data") this.#append(value, line.length);
    else if (name === "event") this.#event = value;
    else if (name === "retry" && /^\d+$/.test(value))
      this.retry = Math.min(+value, Number.MAX_SAFE_INTEGER);
    else this.#events.push(...this.stray(line));
  }

  /**
   * The events in a line that the standard ignores: none.
   *
   * @protected
   * @param {string} _line
   * @returns {StreamEvent[]}
   */
  stray(_line) {
    return [];
  }

  #dispatch(/** @type {string | null} */ data) {
    this.lastEventId = this.#id;
    if (data !== null) this.#events.push({ event: this.#event || "message", data, id: this.#id });
    this.#data = null;
    this.#dataLength = 0;
    this.#event = "";
  }

  /** The body is over. An event without the blank line behind it is none. @returns {StreamEvent[]} */
  end() {
    this.#events = [];
    if (this.#rest) this.#field(this.#rest);
    return this.#events;
  }
}

/** @param {string} character @param {string} text @param {number} start */
function placeOf(character, text, start) {
  const place = text.indexOf(character, start);
  return place < 0 ? NOWHERE : place;
}

/**
 * Whether these characters are there. `startsWith` takes twice the time.
 *
 * @param {string} text @param {number} at
 * @param {number} a @param {number} b @param {number} c @param {number} d @param {number} e
 */
function begins(text, at, a, b, c, d, e) {
  return (
    text.charCodeAt(at) === a &&
    text.charCodeAt(at + 1) === b &&
    text.charCodeAt(at + 2) === c &&
    text.charCodeAt(at + 3) === d &&
    text.charCodeAt(at + 4) === e
  );
}

/** The text without one space at its start. @param {string} text @param {number} at @param {number} end */
function valueIn(text, at, end) {
  return text.slice(text.charCodeAt(at) === SPACE ? at + 1 : at, end);
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

  /** @override @param {string} line */
  stray(line) {
    if (line.startsWith("error:")) return [eventOf(line.slice(6), "error")];
    if (line.startsWith(": gap ")) return [eventOf(line.slice(6), "gap")];
    if (!this.#json && isObject(jsonIn(line))) return [eventOf(line)];
    if (this.#json || /^\s*\{/.test(line)) this.#json += line + "\n";
    if (this.#json.length > MAX_ANSWER_LENGTH) throw failed("too_large");
    return [];
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
 * How a server is asked.
 *
 * @typedef {object} Access
 * @property {HeadersInit | (() => HeadersInit | Promise<HeadersInit>)} [headers] a function is called
 *   for each request: for a token that expires. If it throws, that is a failure `network`
 * @property {RequestCredentials} [credentials] as for `fetch`: `include` sends the user's cookies to
 *   another site, too
 * @property {typeof globalThis.fetch} [fetch] is called in place of the global function. It gets a
 *   signal, which ends the request
 */

/**
 * POST a JSON body and read the answer's events as they come. This function sends nothing twice. A
 * browser does so by itself, if a connection that it has used before breaks before an answer.
 *
 * Leaving the loop ends the request. `init.signal` ends it from outside, at once; the loop then throws
 * the signal's reason. While the loop does not ask for the next event, nothing more is read.
 *
 * @param {string | URL} url
 * @param {unknown} body sent as JSON
 * @param {Omit<RequestInit, "headers"> & Access & {onOpen?: (response: Response) => void,
 *   onBytes?: (bytes: Uint8Array) => void}} [init] the options of `fetch`; `onOpen` is called when
 *   the server has accepted the request, `onBytes` with each chunk as it came. The loop throws what
 *   they throw
 * @returns {AsyncGenerator<StreamEvent, void, void>}
 * @throws {StreamFailure} no connection, a status other than 2xx, an answer that is no event
 *   stream (its first bytes decide, whatever its type), a connection that breaks, an event past the
 *   decoder's bound
 * @throws {TypeError} JSON can't hold the body, or HTTP a header
 */
export async function* postEvents(url, body, { onOpen, onBytes, ...init } = {}) {
  const request = { ...checked(init), method: "POST", body: JSON.stringify(body) };
  const chunks = received(url, request, new EventStreamDecoder(), STREAM_START, onOpen, onBytes);
  for await (const events of chunks)
    for (const event of events) {
      init.signal?.throwIfAborted();
      yield event;
    }
}

/** The options, once their headers can be sent. @template {Access} T @param {T} options */
function checked(options) {
  if (typeof options.headers !== "function") new Headers(options.headers);
  return options;
}

// The first bytes decide what a body is. Its type does not: servers label an event stream as anything.
const STREAM_START = /^\s*(:|(data|event|id|retry)[:\r\n])/;
const ANSWER_START = /^\s*([{:]|(data|event|id|retry|error)[:\r\n])/;
const LONGEST_START = "event:".length;
const OTHER_START = /^\s*[<{[]/;

/** Whether the beginning of a body does not say yet what it is. */
function isTooShort(/** @type {string} */ text) {
  return text.trim().length < LONGEST_START;
}

/**
 * `isElsewhere`: as in `fetch` behind a redirect to another origin, no `Authorization` is sent.
 *
 * @typedef {Omit<RequestInit, "headers"> & Access & {lastEventId?: string, isElsewhere?: boolean}}
 *   Question
 */

/**
 * The events of a body, in an array for each chunk.
 *
 * @param {string | URL} url
 * @param {Question} question
 * @param {EventStreamDecoder} decoder
 * @param {RegExp} start of a body that the decoder reads
 * @param {(response: Response) => void} [onOpen]
 * @param {(bytes: Uint8Array) => void} [onBytes]
 */
async function* received(url, question, decoder, start, onOpen, onBytes) {
  const { signal } = question;
  const response = await unlessAborted(signal, "network", () => asked(url, question));
  const reader = response.body?.getReader();
  const next = async () => (await unlessAborted(signal, "truncated", () => reader?.read()))?.value;
  /** @type {Uint8Array[]} */
  const looked = [];
  const utf8 = new TextDecoder();
  let text = "";
  const look = async (/** @type {() => boolean} */ suffices) => {
    for (let piece; !suffices() && (piece = await next()); looked.push(piece))
      text += utf8.decode(piece, STREAM);
  };
  try {
    if (response.ok) {
      onOpen?.(response);
      await look(() => start.test(text) || !isTooShort(text));
    }
    if (!response.ok || !start.test(text)) {
      await look(() => text.length >= MAX_ERROR_LENGTH).catch(() => signal?.throwIfAborted());
      throw refusalOf(response, text);
    }
    for (let piece; (piece = looked.shift() ?? (await next()));) {
      signal?.throwIfAborted();
      onBytes?.(piece);
      yield decoder.feed(piece);
    }
    yield decoder.end();
  } finally {
    reader?.cancel().catch(() => {}); // read() has thrown already if the body broke
  }
}

/** @param {string | URL} url @param {Question} question */
async function asked(
  url,
  { headers, lastEventId, isElsewhere, fetch = globalThis.fetch, ...init },
) {
  const all = new Headers(typeof headers === "function" ? await headers() : headers);
  if (isElsewhere) all.delete("Authorization");
  const isPost = init.method === "POST";
  if (isPost) all.set("Content-Type", "application/json");
  if (!(isPost && all.has("Accept"))) all.set("Accept", "text/event-stream");
  if (lastEventId) all.set("Last-Event-ID", lastEventId);
  init.signal?.throwIfAborted(); // while the page's function was asked for headers
  return fetch(url, { ...init, headers: all });
}

/**
 * @template T
 * @param {AbortSignal | null | undefined} signal
 * @param {string} code the meaning of an exception without an abort
 * @param {() => T} action
 */
async function unlessAborted(signal, code, action) {
  try {
    const result = await action();
    signal?.throwIfAborted(); // the page may have aborted since the result came
    return result;
  } catch (cause) {
    signal?.throwIfAborted();
    throw failed(code, { cause });
  }
}

/** The failure of a response that is no answer. @param {Response} response @param {string} text its body */
function refusalOf({ ok, status, statusText, headers, body }, text) {
  const plain = `The server answered ${status} ${statusText}`.trim();
  const words = ok || OTHER_START.test(text) ? null : text;
  return failureTold(jsonIn(text, words), plain + (ok ? " without an event stream." : "."), {
    code: ok ? "not_an_event_stream" : "http_error",
    status: status === 200 && body && isTooShort(text) ? undefined : status, // it may have been cut
    id: headers.get("X-Request-ID") ?? undefined,
    retryAfter: secondsIn(headers.get("Retry-After") ?? ""),
  });
}

/** @param {string} wait `Retry-After` in either of its forms @returns {number | undefined} */
function secondsIn(wait) {
  const isDate = wait.endsWith("GMT");
  const seconds = isDate ? (Date.parse(wait) - Date.now()) / 1000 : parseFloat(wait);
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
  /** @type {(names: string, isRight?: (value: unknown) => boolean) => any} */
  const first = (names, isRight = isText) =>
    names
      .split(" ")
      .map((name) => members[name])
      .find(isRight);
  const code = first(
    "code type error_type status error",
    (value) => isText(value) && value !== words,
  );
  return new StreamFailure(shortened(words) || plain, {
    ...facts,
    code: code ?? String(first("status code", Number.isFinite) ?? facts.code),
    id: first("id request_id") ?? facts.id,
    field: first("field param") ?? placeIn(members.loc),
  });
}

/** FastAPI's place of an error, without the first part, `body`. @param {unknown} loc */
function placeIn(loc) {
  const parts = Array.isArray(loc) ? loc.slice(1) : [];
  return parts.filter((part) => typeof part !== "object").join(".") || undefined;
}

const WORDS = "error_message message detail error_description msg error title".split(" ");
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
  if (depth > MAX_DEPTH) return "";
  const inside = (/** @type {any} */ one) => wordsIn(one, members, depth + 1);
  if (Array.isArray(error)) return error.map(inside).filter(isText).join("; ");
  if (!isObject(error)) return "";
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
 * @property {Record<string, any>} [delta] what it adds; `content`: its text, or a list of its parts
 * @property {boolean} [isWhole] whether the delta is all that the model said
 * @property {unknown} [usage]
 * @property {string} [reason] why the answer ends; `""` or absent: it goes on
 * @property {unknown} [error] falsy: none
 * @property {boolean} [isLast] whether nothing follows
 */

/**
 * A form in which answers are written: it reads an event, and the JSON in it. `isKnown`: an earlier
 * event was of this form. `undefined`: this one is not.
 *
 * @typedef {(said: any, event: StreamEvent, isKnown: boolean) => Piece | undefined} Form
 */

/** The message format. @type {Form} */
function messageIn(said) {
  if (typeof said?.ended !== "boolean") return;
  const { ended: isLast, message: content, usage, reason, error } = said;
  const delta = { ...said, content };
  if (!isLast) return { delta };
  const word = isText(reason) ? reason : "complete";
  const finish = word === "complete" ? usage?.finish_reason : word === "error" && word;
  return {
    delta,
    usage,
    reason: finishOf(finish) || word,
    error: error || errorOf(finish),
    isLast,
  };
}

/** Chat completions in OpenAI's form, streamed or whole, and legacy completions. @type {Form} */
function chunkIn(said, { event, data }, isKnown) {
  if (/^\s*"?\[DONE\]"?\s*$/.test(data)) return { isLast: true };
  // Of several choices the first is read.
  const choice = objectsIn(said?.choices).find(({ index }) => !index) ?? {};
  const { delta, message, text, finish_reason } = choice;
  const named = event === "error" ? { detail: said ?? data } : errorOf(finish_reason);
  const error = errorIn(said) ?? errorIn(choice) ?? named;
  const parts = [delta, message].filter(isObject);
  const part = parts.find((one) => Object.keys(one).length > 0) ?? { content: text };
  if (parts[0] || typeof text === "string" || isText(finish_reason) || error || isKnown)
    return {
      delta: part,
      isWhole: part === message,
      usage: [said?.usage, choice.usage, said?.x_groq?.usage].find(isObject),
      reason: finishOf(finish_reason) || (part === message ? "complete" : ""),
      error,
    };
}

/** @type {[string, RegExp][]} a word here, and what servers say for it */
const FINISHES = [
  ["error", /error|fail|abort|cancel|insufficient/i],
  ["length", /length|max_.*tokens|limit/i],
  ["content_filter", /filter|safety|sensitive/i],
  ["refusal", /refus/i],
  ["tool_calls", /tool|function/i],
  ["complete", /^(stop|eos|end|done|complete|finish)/i],
];

/** @param {unknown} word of the model's server @returns {string} `""` for none */
function finishOf(word) {
  if (!isText(word)) return "";
  return FINISHES.find(([, words]) => words.test(word))?.[0] ?? word;
}

/** @param {unknown} word of the model's server @returns {object | false} the error it means */
function errorOf(word) {
  return finishOf(word) === "error" && { code: word };
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
  const { call } = last;
  const text = call.function.arguments + (isObject(json) ? asJson(json) : textIn(json));
  last.call = {
    ...call,
    ...others,
    id: isText(id) ? id : call.id,
    type: isText(type) ? type : call.type,
    function: { name: isText(name) ? name : call.function.name, arguments: text },
  };
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
 * @property {(bytes: Uint8Array) => void} [onBytes] each chunk as it came
 */

/**
 * How an answer is resumed.
 *
 * @typedef {object} Resuming
 * @property {AbortSignal} [signal] its abort leaves the answer, as `leave()` does
 * @property {string | URL} [streams] where the server keeps its answers, with a slash at the end,
 *   relative to the answer's URL; default: where the response says, by `Content-Location`; else
 *   `streams/`
 * @property {number} [stall] milliseconds without a byte, heartbeats included, after which a
 *   connection is dead; default 45,000, three heartbeats of the server; `Infinity`: never. When a page
 *   is shown again, half of it suffices; when it is online again, no time at all
 */

/** @typedef {StreamHandlers & Resuming & Access} AnswerOptions */

const STALL = 45_000;
const SECOND = 1_000;
/** Our server may hold its answer back for so long, in milliseconds: at most one heartbeat. */
const HOLD = 15_000;
/** A page that is not left so many milliseconds after `beforeunload` stays. */
const UNLOADING = 10_000;
const LONGEST_PAUSE = 10_000;
const LONGEST_WAIT = 3_600_000;
const STREAM_ID = /^[\w-]{32}$/;
const SENDABLE = /^[!-~]+$/; // as a header
const NOT_STORED = /** @type {const} */ ({ cache: "no-store" });
const WHOLE = ["complete", "refusal", "tool_calls"];

/**
 * An answer, from `connecting` to its one end.
 *
 * Its server may write the message format or OpenAI's chat completions. The first event that says
 * something in one of these forms decides, and events of the other form are then left alone. An answer
 * may also be JSON: whole, or an object on each line.
 *
 * A POST is never repeated. If the server keeps the answer, which the header `X-Stream-ID` says, a
 * connection that breaks or falls silent is followed by a GET of `streamUrl`, which goes on after the
 * last event. Otherwise a body that stops without the answer's end is a failure.
 *
 * A GET of an answer that is not kept comes back as an `EventSource` does: to the same URL, with the
 * last event ID, until the server forbids it. Without an event ID it would begin anew, and is a failure.
 *
 * Between two tries passes the time that the server gave (`Retry-After`, `retry:`), and a random one of
 * up to 1 s, 2 s, 4 s, 8 s, 10 s. There is no last try. A page that is shown again, or online again, does
 * not wait.
 *
 * A page that goes into the browser's back-forward cache closes its connection. When it is shown again,
 * its answer is resumed; one that can't be resumed has ended as `left`.
 */
export class Answer {
  /** @type {StreamState} */
  state = { name: "connecting" };
  /** @type {Promise<StreamState>} resolves with the state that ended it; it never rejects */
  finished;
  /** @type {string | null} where the server keeps the answer, for `Answer.attach` in any tab */
  streamUrl = null;
  /** @type {AnswerOptions} */
  #options;
  /** Where a GET that has no `streamUrl` comes back to. */
  #getUrl = "";
  /** Whether a redirect led to another origin, where the answer is kept. */
  #isElsewhere = false;
  #finish = (/** @type {StreamState} */ _state) => {};
  #close = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} the time of a server that has yet to answer */
  #closing;
  /** Give the connection up, and make another; or end the pause before the next. */
  /** @type {() => unknown} */
  #renew = () => {};
  /** @type {number | null} how long the next pause is, if not as usual: milliseconds */
  #nextPause = null;
  /** Firefox and WebKit cut the connections of a page that is left some time before `pagehide`. */
  #staying = Promise.resolve();
  #life = new AbortController();
  /** When the connection was made, or has last brought a byte. 0: there is none. */
  #heardAt = 0;
  #lastEventId = "";
  /** @type {number | null} milliseconds */
  #retry = null;
  /** Whether the server has said, or not, that it keeps the answer. */
  #isKnown = false;
  #over = false;
  /** @type {Form | undefined} */
  #form;
  /** @type {StreamFailure | undefined} an error that the server told, and that does not end the answer */
  #trouble;
  #said = false;
  #hasRefused = false;
  #hasGap = false;
  /** @type {{index: unknown, call: ToolCall}[]} */
  #calls = [];
  #reason = "";
  /** @type {object | null} */
  #usage = null;
  #text = "";
  /** @type {StreamEvent[][]} one for each loop over the events */
  #queues = [];
  /** @type {(() => void)[]} loops that wait */
  #waiting = [];

  /**
   * @param {string | URL} url
   * @param {unknown} body sent as JSON
   * @param {AnswerOptions} [options]
   * @throws {TypeError} JSON can't hold the body, or HTTP a header; `streams` without its slash
   */
  static post(url, body, options) {
    return new Answer(url, { method: "POST", body: JSON.stringify(body) }, options);
  }

  /**
   * @param {string | URL} url
   * @param {AnswerOptions} [options]
   * @throws {TypeError} HTTP can't hold a header; `streams` without its slash
   */
  static get(url, options) {
    const answer = new Answer(url, NOT_STORED, options);
    answer.#getUrl = String(url);
    return answer;
  }

  /**
   * Read an answer that the server keeps, from its start, and go on live: after a reload, or in another
   * tab.
   *
   * @param {string | URL} url a `streamUrl`
   * @param {AnswerOptions} [options]
   * @throws {TypeError} HTTP can't hold a header; `streams` without its slash
   */
  static attach(url, options) {
    const answer = new Answer(url, NOT_STORED, options);
    answer.#isKnown = true;
    answer.streamUrl = String(url);
    return answer;
  }

  /**
   * @private Begin with `Answer.post`, `Answer.get` or `Answer.attach`.
   * @param {string | URL} url @param {RequestInit} request @param {AnswerOptions} [options]
   */
  constructor(url, request, options = {}) {
    this.#options = checked(options);
    const { streams = "/" } = options;
    if (!String(streams).endsWith("/"))
      throw new TypeError(`streams has to be an address with a slash at the end, not ${streams}`);
    this.finished = new Promise((resolve) => (this.#finish = resolve));
    this.#watch(this.#options);
    if (options.signal?.aborted) this.leave();
    else this.#read(url, request);
  }

  /**
   * End the answer, on the server too. The state is `ended` before this returns. The connection is
   * closed too. If nothing has come from the server yet, it is closed when something comes, or after
   * 15 s: the server may keep the answer, and must then be told. No effect after the end.
   */
  stop() {
    if (this.#over) return;
    if (this.#isKnown) this.#dismiss();
    else this.#closing = setTimeout(this.#close, HOLD);
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

  /**
   * The text of the answer from its start, in pieces: what came while the loop was busy is one piece.
   * The answer does not wait for the loop. Leaving the loop leaves the answer.
   *
   * @returns {AsyncGenerator<string, void, void>}
   * @throws {StreamFailure} out of the loop: the answer failed
   */
  text() {
    let read = 0;
    return this.#each(() => {
      const piece = this.#text.slice(read);
      read += piece.length;
      return piece ? [piece] : [];
    });
  }

  /**
   * The events from now on. What comes while the loop is busy waits in memory: the answer does not wait
   * for the loop. Leaving the loop leaves the answer.
   *
   * @returns {AsyncGenerator<StreamEvent, void, void>}
   * @throws {StreamFailure} out of the loop: the answer failed
   */
  events() {
    /** @type {StreamEvent[]} */
    const queue = [];
    this.#queues.push(queue);
    return this.#each(() => queue.splice(0));
  }

  /** As `text()`. */
  [Symbol.asyncIterator]() {
    return this.text();
  }

  /** @template T @param {() => T[]} take @returns {AsyncGenerator<T, void, void>} */
  async *#each(take) {
    try {
      for (let items; (items = take()).length > 0 || !this.#over;) {
        if (items.length > 0) yield* items;
        else await this.#news(); // nothing came since take(): no step of another's lies between
      }
    } finally {
      this.leave();
    }
    if (this.state.name === "failed") throw this.#trouble;
  }

  /** @returns {Promise<void>} */
  #news() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** @param {Question} request */
  #question(request) {
    const { headers, credentials, fetch } = this.#options;
    return { headers, credentials, fetch, isElsewhere: this.#isElsewhere, ...request };
  }

  #dismiss() {
    this.#close();
    const question = this.#question({ method: "DELETE", keepalive: true });
    if (this.streamUrl) asked(this.streamUrl, question).catch(() => {}); // without a reader it ends, too
  }

  /** Where another connection gets the rest. */
  #way() {
    return this.streamUrl ?? (this.#lastEventId && this.#getUrl);
  }

  /** Connect until the answer is over. @param {string | URL} url @param {RequestInit} request */
  async #read(url, request) {
    let failure = await this.#connection(url, request);
    let tries = 0;
    while (!this.#over && this.#way() && this.#mayPass(failure)) {
      this.#enter({ name: "reconnecting" });
      await this.#pause(failure, tries);
      if (this.#over) return;
      const before = this.#lastEventId;
      failure = await this.#connection(this.#way(), NOT_STORED);
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
    this.#renew = () => this.streamUrl && controller.abort(failed("truncated")); // else it may be lost
    this.#heardAt = Date.now();
    const decoder = new AnswerDecoder();
    const question = this.#question({ ...request, lastEventId: this.#lastEventId, signal });
    const { fetch = globalThis.fetch } = question;
    question.fetch = async (...all) => {
      if (this.#over) controller.abort(); // it was stopped while the page's function made the headers
      signal.throwIfAborted();
      return fetch(...all);
    };
    const chunks = received(
      url,
      question,
      decoder,
      ANSWER_START,
      (response) => this.#open(response, url),
      (bytes) => {
        this.#heardAt = Date.now();
        this.#tell("onBytes", bytes);
      },
    );
    try {
      // Read on after the last event: the server would take an early leave for a departure.
      for await (const events of chunks) for (const event of events) this.#receive(event);
    } catch (error) {
      if (error instanceof StreamFailure) return error;
      if (!signal.aborted) report(error);
    } finally {
      clearTimeout(this.#closing);
      this.#retry = decoder.retry ?? this.#retry;
      await this.#staying;
    }
    return failed(this.#form ? "truncated" : "no_answer");
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
    const wait = this.#nextPause ?? Math.min(told, LONGEST_WAIT) + random;
    this.#heardAt = 0;
    let timer;
    await new Promise((/** @type {(_?: unknown) => void} */ resolve) => {
      timer = setTimeout(resolve, wait);
      this.#close = resolve;
      this.#renew = retryAfter ? () => {} : resolve;
    });
    this.#nextPause = null;
    clearTimeout(timer);
  }

  /** @param {AnswerOptions} options */
  #watch({ stall = STALL, signal: leaving }) {
    const { signal } = this.#life;
    // A clock that was set back tells nothing of the silence. That is taken for a long one.
    const isSilent = (/** @type {number} */ time) => Math.abs(Date.now() - this.#heardAt) >= time;
    const timer = setInterval(() => this.#heardAt && isSilent(stall) && this.#renew(), SECOND);
    signal.onabort = () => clearInterval(timer);
    leaving?.addEventListener("abort", () => this.leave(), { signal });
    // A connection dies while the page sleeps or the network is away, and no event tells of that.
    const wake = (/** @type {boolean} */ isSure) => {
      if (!isSure && this.#heardAt && !isSilent(stall / 2)) return;
      this.#nextPause = 0;
      this.#renew();
    };
    const on = (/** @type {string} */ name, /** @type {(event: any) => unknown} */ listener) =>
      globalThis.addEventListener?.(name, listener, { signal });
    on("online", () => wake(true));
    on("visibilitychange", () => document.hidden || wake(false));
    on("pageshow", () => wake(false));
    let stays = () => {};
    on("beforeunload", () => {
      const before = stays;
      this.#staying = new Promise((resolve) => {
        stays = () => (before(), resolve());
        setTimeout(stays, UNLOADING);
      });
    });
    on("pagehide", ({ persisted }) => {
      if (!persisted) return;
      this.#sleep();
      stays();
    });
  }

  /** The page goes into the back-forward cache, where no connection lives on. */
  #sleep() {
    if (!this.streamUrl) return this.leave();
    if (!this.#heardAt) return;
    this.#nextPause = LONGEST_WAIT; // until the page is shown again
    this.#renew();
  }

  /** The server has accepted a request. @param {Response} response @param {string | URL} asked */
  #open({ headers, url }, asked) {
    const id = headers.get("X-Stream-ID") ?? "";
    this.#isKnown = true;
    if (!this.streamUrl && STREAM_ID.test(id)) {
      const here = new URL(url || asked, globalThis.location?.href);
      const { streams } = this.#options;
      const told = streams === undefined ? locationIn(headers, here) : null;
      this.streamUrl = told ?? new URL(id, new URL(streams ?? "streams/", here)).href;
      const { origin } = new URL(asked, globalThis.location?.href ?? here);
      this.#isElsewhere = ![here.origin, new URL(this.streamUrl).origin].includes(origin);
    }
    if (this.#over) this.#dismiss(); // it was stopped before
    if (headers.has("Retry-After")) return; // nothing comes but the time to come back
    this.#enter({ name: this.#said ? "streaming" : "waiting" });
  }

  #receive(/** @type {StreamEvent} */ event) {
    if (this.#over) return;
    if (SENDABLE.test(event.id)) this.#lastEventId = event.id;
    this.#hasGap ||= event.event === "gap";
    for (const queue of this.#queues) queue.push(event);
    this.#tell("onEvent", event);
    const said = jsonIn(event.data);
    for (const form of this.#form ? [this.#form] : [messageIn, chunkIn]) {
      const piece = form(said, event, !!this.#form);
      if (!piece) continue;
      this.#form = form;
      return this.#take(piece);
    }
    if (event.event === "error" || errorIn(said)) this.#trouble ??= failureTold(said ?? event.data);
    else if (event.event === "loading" && isObject(said)) this.#loading(said);
  }

  #take(/** @type {Piece} */ { delta = {}, isWhole, usage, reason, error, isLast }) {
    this.#trouble = undefined; // the answer goes on
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
    if (text === "") return;
    this.#stream();
    if (this.#over) return;
    if (name === "onText") this.#text += text;
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
    if (this.#isFinished() || (this.#way() && status === 204)) this.#end();
    else if (this.#way() && (status === 404 || status === 410))
      this.#fail(new StreamFailure(failure.message, { ...failure.facts, code: "not_resumed" }));
    else this.#fail(this.#trouble ?? failure);
  }

  #fail(/** @type {StreamFailure} */ failure) {
    this.#trouble = failure;
    this.#enter({ name: "failed", reason: failure.message, ...failure.facts });
  }

  #enter(/** @type {StreamState} */ state) {
    if (this.#over) return;
    this.state = state;
    this.#over = state.name === "ended" || state.name === "failed";
    if (this.#over) {
      this.#life.abort();
      this.#finish(state);
    }
    this.#tell("onState", state);
  }

  /** Call a function of the page's, and wake the loops. @param {string} name @param {unknown} value */
  #tell(name, value) {
    try {
      /** @type {any} */ (this.#options)[name]?.(value);
    } catch (error) {
      report(error);
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Where a response says that its stream is. Another origin gets no credentials, so it does not count. */
function locationIn(/** @type {Headers} */ headers, /** @type {URL} */ here) {
  const told = headers.get("Content-Location");
  try {
    const { origin, protocol, username, password, href } = new URL(told ?? "", here);
    const isHere = origin === here.origin && protocol === here.protocol; // a blob: has an origin, too
    return told && isHere && !username && !password ? href : null; // `fetch` takes no login in a URL
  } catch {
    return null; // it is no address
  }
}

/** The page's own `error` event tells of it, as of an event listener's. @param {unknown} error */
function report(error) {
  (globalThis.reportError ?? console.error)(error);
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

/** @type {Intl.Segmenter | undefined} */
let segmenter;

/** @param {string} text whole grapheme clusters; whole code points in an old browser */
function graphemes(text) {
  segmenter ??= Intl.Segmenter && new Intl.Segmenter();
  if (!segmenter) return [...text];
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
