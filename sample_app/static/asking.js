/** How an exchange is answered: which endpoint is asked, and what it is sent. */

import { Reading } from "./reading.js";

/**
 * Begin to read the answer of an exchange. If the server keeps it already, nothing is asked again.
 *
 * @param {import("./conversation.js").Exchange} exchange
 * @param {{role: string, content: string}[]} messages all that was said, and the question
 * @param {"post" | "get"} method
 * @param {import("./reading.js").Listener} listener
 */
export function begin(exchange, messages, method, listener) {
  if (exchange.url) return Reading.attach(exchange, listener);
  const model = exchange.model ? { model: exchange.model } : {};
  if (method === "get") {
    // A query has no place for a conversation: the question goes alone.
    const url = urlOf("chat/stream", { ...model, prompt: exchange.question });
    return Reading.get(exchange, listener, url);
  }
  // OpenAI's form has no word for most ends: an answer that another tab stops would be called cut.
  const url = urlOf("chat/completions", { format: "message" });
  return Reading.post(exchange, listener, url, { ...model, messages, stream: true });
}

/** The address of a chat endpoint: below the prefix that page.html has as `data-prefix`. */
export function urlOf(path, parameters = {}) {
  const base = new URL(document.documentElement.dataset.prefix + "/", document.baseURI);
  const url = new URL(path, base);
  url.search = new URLSearchParams(parameters).toString();
  return url;
}
