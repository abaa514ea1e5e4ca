/** The page's words, in the visitor's language. */

import { language } from "./language.js";
import en from "./words/en.js";
import zhHans from "./words/zh-Hans.js";
import zhHant from "./words/zh-Hant.js";

export const WORDS = { en, "zh-Hans": zhHans, "zh-Hant": zhHant };

export const lang = language();
export const words = WORDS[lang];

/** Write the words that the elements name by `data-text`, `data-label` and `data-placeholder`. */
export function speak(root) {
  for (const element of root.querySelectorAll("[data-text]"))
    element.textContent = words[element.dataset.text];
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words[element.dataset.label]);
    if (element.matches("button")) element.title = words[element.dataset.label];
  }
  for (const element of root.querySelectorAll("[data-placeholder]"))
    element.placeholder = words[element.dataset.placeholder];
}

/** The state of an answer in words. */
export function told(state) {
  const text = words.state[state.name];
  if (state.name === "ended") return text + toldEnd(state);
  if (state.name === "failed") return text + toldFailure(state);
  if (typeof state.progress === "number") return `${text} ${Math.floor(state.progress * 100)} %`;
  return text;
}

/** Why an answer ended. */
export function toldEnd({ reason, tokens }) {
  if (reason === "length" && tokens) return words.cutAt(tokens);
  return words.ended[reason] ?? reason;
}

function toldFailure({ code, reason, retryAfter, id }) {
  const parts = [words.failed[code] ?? reason];
  if (retryAfter !== undefined) parts.push(words.retryAfter(retryAfter));
  if (id) parts.push(words.reference(id));
  return parts.join(" ");
}
