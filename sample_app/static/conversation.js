/** A conversation: its questions, and what is known of their answers. No page, no network. */

/**
 * One question with its answer.
 *
 * @typedef {object} Exchange
 * @property {string} id
 * @property {string} question
 * @property {string} model the name of the model; `""`: the server's default
 * @property {string} text what the model has answered so far
 * @property {string} reasoning
 * @property {boolean} isRefusal whether the text says why the model refuses
 * @property {string[]} calls the tools that the model calls, each with its arguments
 * @property {string | null} url where the server keeps the answer
 * @property {object | null} end the state that ended the answer, with its number of `tokens` where
 *   that is known; `null`: it is still being written
 */

export class Conversation {
  /** @type {string} */
  id;
  /** @type {Exchange[]} */
  exchanges;

  /** @param {{id?: string, exchanges?: Exchange[]}} [kept] */
  constructor({ id = newId(), exchanges = [] } = {}) {
    this.id = id;
    this.exchanges = exchanges;
  }

  /**
   * The conversation that was written as JSON; `null` where the text is none, or another form's.
   * What is missing in an exchange gets its first value.
   *
   * @param {string | null} json
   */
  static read(json) {
    const { id, exchanges } = parsed(json) ?? {};
    if (typeof id !== "string" || !Array.isArray(exchanges)) return null;
    return new Conversation({ id, exchanges: exchanges.map(checked).filter(Boolean) });
  }

  /** The exchange whose answer is being written, or undefined. Only the last one can be. */
  get running() {
    const last = this.exchanges.at(-1);
    return last?.end === null ? last : undefined;
  }

  /**
   * Add a question, whose answer is yet to come.
   *
   * @param {string} question
   * @param {string} model
   * @param {string} [place] the ID of an exchange: the question takes its place, and all behind it
   *   goes
   */
  ask(question, model, place) {
    const at = this.exchanges.findIndex(({ id }) => id === place);
    if (at >= 0) this.exchanges.length = at;
    const exchange = checked({ id: newId(), question, model });
    this.exchanges.push(exchange);
    return exchange;
  }

  /**
   * What a model is sent to answer an exchange, in OpenAI's form: all before it, and the question.
   * An answer without a text is left out with its question: models expect that both take turns.
   */
  messagesFor(exchange) {
    const before = this.exchanges.slice(0, this.exchanges.indexOf(exchange));
    const answered = before.filter(({ text }) => text.trim() !== "");
    const turns = answered.flatMap(({ question, text }) => [
      { role: "user", content: question },
      { role: "assistant", content: text },
    ]);
    return [...turns, { role: "user", content: exchange.question }];
  }

  /**
   * The conversation as JSON. Of one that is too long the oldest exchanges are left out.
   *
   * @param {number} most how many characters its exchanges may have
   */
  written(most) {
    const kept = [];
    let length = 0;
    for (const exchange of [...this.exchanges].reverse()) {
      const json = JSON.stringify(exchange);
      length += json.length;
      if (length > most) break;
      kept.unshift(json);
    }
    return `{"id":${JSON.stringify(this.id)},"exchanges":[${kept}]}`;
  }
}

/** @param {any} value an exchange of any age @returns {Exchange | null} */
function checked(value) {
  const { id, question, url, end, calls } = value ?? {};
  if (!isText(id) || !isText(question)) return null;
  const text = (name) => (isText(value[name]) ? value[name] : "");
  return {
    id,
    question,
    model: text("model"),
    text: text("text"),
    reasoning: text("reasoning"),
    isRefusal: value.isRefusal === true,
    calls: Array.isArray(calls) ? calls.filter(isText) : [],
    url: isText(url) ? url : null,
    end: isText(end?.name) ? end : null,
  };
}

function isText(value) {
  return typeof value === "string";
}

function parsed(json) {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
