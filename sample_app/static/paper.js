/**
 * A paper on which Markdown is written, piece by piece. Each frame only the last two blocks are
 * made anew, and a long block has at most a quarter of the time.
 */

import { closed, htmlOf, settledLength } from "./markdown.js";
import { safeNodes } from "./safe_nodes.js";

const HIDDEN_PAUSE = 200;

export class Paper {
  #element;
  /** The text whose blocks may still change, and the nodes that show it. */
  #text = "";
  #live = [];
  #isAsked = false;
  #restsUntil = 0;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  append(text) {
    this.#text += text.replaceAll("\r", ""); // marked would drop them, and its lengths be others
    if (!this.#isAsked) this.#ask();
  }

  /** Show all now, as it is. */
  finish() {
    this.#settle(this.#text.length);
  }

  clear() {
    this.#text = "";
    this.#live = [];
    this.#element.replaceChildren();
  }

  #ask() {
    this.#isAsked = true;
    const paint = () => {
      this.#isAsked = false;
      if (performance.now() < this.#restsUntil) this.#ask();
      else this.#paint();
    };
    if (document.hidden) setTimeout(paint, HIDDEN_PAUSE); // a tab behind another has no frames
    else requestAnimationFrame(paint);
  }

  #paint() {
    const begun = performance.now();
    const length = settledLength(this.#text);
    if (length > 0) this.#settle(length);
    this.#show(closed(this.#text));
    const ended = performance.now();
    this.#restsUntil = ended + 3 * (ended - begun);
  }

  /** Show the first characters for good. */
  #settle(length) {
    this.#show(this.#text.slice(0, length));
    this.#text = this.#text.slice(length);
    this.#live = [];
  }

  #show(markdown) {
    const fragment = safeNodes(htmlOf(markdown));
    for (const node of this.#live) node.remove();
    this.#live = [...fragment.childNodes];
    this.#element.append(fragment);
  }
}
