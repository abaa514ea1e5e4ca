/** The box in which a question is written: its keys, its buttons, and which model is asked. */

import { words } from "./words.js";

export class Composer {
  #page;
  #models = new Map();
  #isBusy = false;
  /** The ID of the exchange that is being edited. */
  #place;
  /** What was being written before that. */
  #draft = "";

  /**
   * @param {Record<string, HTMLElement>} page the elements by their IDs
   * @param {{ask: (question: string, place?: string) => void, stop: () => void}} actions
   */
  constructor(page, { ask, stop }) {
    this.#page = page;
    page.prompt.addEventListener("input", () => this.#fit());
    page.prompt.addEventListener("keydown", (event) => this.#onKey(event));
    page.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(ask);
    });
    page.stop.addEventListener("click", ({ detail }) => {
      if (detail < 2) stop(); // the second half of a double click on Send
    });
    page["cancel-edit"].addEventListener("click", () => this.cancel());
    page.model.addEventListener("change", () => this.#describe());
    this.#fit();
  }

  /** The name of the model that is asked; `""`: the server's default. */
  get model() {
    return this.#page.model.value;
  }

  /** What it is. */
  get kind() {
    return this.#models.get(this.model)?.kind ?? "chat";
  }

  /** @param {import("./models.js").Model[]} models none: their list could not be read */
  offer(models) {
    this.#models = new Map(models.map((model) => [model.id, model]));
    const options = models.length > 0 ? models : [{ id: "" }];
    this.#page.model.replaceChildren(
      ...options.map(({ id }) => new Option(id || words.defaultModel, id)),
    );
    this.#describe();
  }

  /** Whether an answer is being written: then the button stops it. */
  set isBusy(isBusy) {
    const { send, stop } = this.#page;
    const { activeElement } = document;
    this.#isBusy = isBusy;
    send.hidden = isBusy;
    stop.hidden = !isBusy;
    if (isBusy && activeElement === send) stop.focus();
    if (!isBusy && activeElement === stop) this.focus();
    this.#fit();
  }

  /** Lead the keys to the box. On a phone that would bring a keyboard over half of the page. */
  focus() {
    if (matchMedia("(pointer: fine)").matches) this.#page.prompt.focus();
  }

  /** Write an earlier question anew. */
  edit({ id, question }) {
    if (!this.#place) this.#draft = this.#page.prompt.value;
    this.#place = id;
    this.#page.editing.hidden = false;
    this.#page.prompt.value = question;
    this.#page.prompt.focus();
    this.#fit();
  }

  /** Edit no more. @returns {boolean} whether something was edited */
  cancel() {
    if (!this.#place) return false;
    this.#clear();
    this.focus();
    return true;
  }

  #submit(ask) {
    const question = this.#page.prompt.value.trim();
    if (question === "" || this.#isBusy) return;
    const place = this.#place;
    this.#clear();
    ask(question, place);
  }

  #clear() {
    this.#place = undefined;
    this.#page.editing.hidden = true;
    this.#page.prompt.value = this.#draft;
    this.#draft = "";
    this.#fit();
  }

  /** Enter sends. */
  #onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    this.#page.composer.requestSubmit();
  }

  #describe() {
    const kinds = Array.from(this.#models.values(), ({ kind }) => kind);
    let note = words.note[this.kind];
    if (kinds.length === 0) note = words.note.unknown;
    else if (kinds.every((kind) => kind === "counter")) note = words.note.alone;
    this.#page.note.replaceChildren(...withCode(note));
  }

  /** The box is as high as its text. Newer browsers know that by `field-sizing`. */
  #fit() {
    const { prompt, send } = this.#page;
    send.disabled = prompt.value.trim() === "";
    if (CSS.supports("field-sizing", "content")) return;
    prompt.style.height = "auto";
    prompt.style.height = `${prompt.scrollHeight}px`;
  }
}

/**
 * Whether a key belongs to an input method: there Enter chooses a word. Safari ends the composition
 * before its key, which only the old code of the key tells.
 *
 * @param {KeyboardEvent} event
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Text with `code` between backticks, as nodes. */
function withCode(text) {
  return text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    return Object.assign(document.createElement("code"), { textContent: part });
  });
}
