/** Reads the answer of one exchange from the server, and keeps what it says in the exchange. */

import { Answer } from "../v1/llmstream.js";

/**
 * The functions that a reading calls. `onWords` gets the kind of the words, `text` or `reasoning`;
 * `onRestart`: the words of this kind were others, and come anew. The rest is as for `Answer`.
 *
 * @typedef {object} Listener
 * @property {(kind: "text" | "reasoning", words: string) => void} onWords
 * @property {(kind: "text" | "reasoning") => void} onRestart
 * @property {() => void} onCalls
 * @property {(state: object) => void} onState
 * @property {(bytes: Uint8Array) => void} onBytes
 */

export class Reading {
  /** @type {import("./conversation.js").Exchange} */
  exchange;
  /** Whether this page has asked the question. Otherwise a tab before it did. */
  isOurs;
  #answer;
  #isOver = false;
  #listener;
  /** How many characters of each kind have come on this connection. */
  #read = { text: 0, reasoning: 0 };

  /**
   * @param {object} exchange
   * @param {Listener} listener
   * @param {boolean} isOurs
   * @param {(handlers: object) => Answer} begin
   */
  constructor(exchange, listener, isOurs, begin) {
    this.exchange = exchange;
    this.isOurs = isOurs;
    this.#listener = listener;
    this.#answer = begin({
      onState: (state) => this.#enter(state),
      onText: (words) => this.#take("text", words),
      onReasoning: (words) => this.#take("reasoning", words),
      onRefusal: (words) => this.#refuse(words),
      onToolCalls: (calls) => this.#call(calls),
      onBytes: (bytes) => listener.onBytes(bytes),
    });
    this.#enter(this.#answer.state);
  }

  /** Ask by a POST. @param {URL} url @param {object} request */
  static post(exchange, listener, url, request) {
    return new Reading(exchange, listener, true, (all) => Answer.post(url, request, all));
  }

  /** Ask by a GET. @param {URL} url with the question in its query */
  static get(exchange, listener, url) {
    return new Reading(exchange, listener, true, (all) => Answer.get(url, all));
  }

  /** Go on with an answer that the server keeps. */
  static attach(exchange, listener) {
    return new Reading(exchange, listener, false, (all) => Answer.attach(exchange.url, all));
  }

  /** End the answer, on the server too. */
  stop() {
    this.#answer.stop();
  }

  /** Read on no more, and say nothing any more. The exchange stays as it is. */
  leave() {
    this.#isOver = true;
    this.#answer.leave();
  }

  #enter(state) {
    if (this.#isOver) return;
    this.#isOver = ["ended", "failed"].includes(state.name);
    this.exchange.url = this.#isOver ? null : (this.#answer?.streamUrl ?? this.exchange.url);
    if (this.#isOver) this.exchange.end = endOf(state);
    this.#listener.onState(this.#isOver ? this.exchange.end : state);
  }

  /** Of an answer that is read again from its start, only the new words are passed on. */
  #take(kind, words) {
    if (this.#isOver) return;
    const { exchange } = this;
    const at = this.#read[kind];
    const known = exchange[kind].slice(at, at + words.length);
    this.#read[kind] = at + words.length;
    if (words.startsWith(known)) return this.#add(kind, words.slice(known.length));
    const before = exchange[kind].slice(0, at);
    exchange[kind] = "";
    this.#listener.onRestart(kind);
    this.#add(kind, before + words);
  }

  #add(kind, words) {
    if (words === "") return;
    this.exchange[kind] += words;
    this.#listener.onWords(kind, words);
  }

  #refuse(words) {
    this.exchange.isRefusal = true;
    this.#take("text", words);
  }

  #call(calls) {
    const shown = ({ function: { name, arguments: json } }) => `${name}(${json})`;
    this.exchange.calls = calls.map(shown);
    this.#listener.onCalls();
  }
}

/** The state that ended an answer. Of its usage only the number of its tokens is kept. */
function endOf({ usage, ...state }) {
  const tokens = usage?.completion_tokens;
  return Number.isInteger(tokens) ? { ...state, tokens } : state;
}
