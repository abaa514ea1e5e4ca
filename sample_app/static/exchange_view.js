/** One exchange on the page: a question, and its answer as it is typed. */

import { Typewriter } from "../v1/llmstream.js";
import { Paper } from "./paper.js";
import { speak, told, toldEnd, words } from "./words.js";

const COPIED_SHOWN = 1500;

export class ExchangeView {
  exchange;
  element;
  #parts;
  #paper;
  #typewriter;

  /**
   * @param {import("./conversation.js").Exchange} exchange
   * @param {{edit: (view: ExchangeView) => void, again: (view: ExchangeView) => void}} actions
   */
  constructor(exchange, actions) {
    this.exchange = exchange;
    this.element = document.querySelector("#exchange").content.firstElementChild.cloneNode(true);
    this.#parts = partsOf(this.element);
    this.#prepare();
    this.#listen(actions);
    this.write("reasoning", exchange.reasoning);
    this.#paper.append(exchange.text);
    this.show(exchange.end ?? { name: "connecting" });
    this.showCalls();
  }

  #prepare() {
    const { question, model } = this.exchange;
    speak(this.element);
    this.#parts.question.textContent = question;
    this.#parts["answer-heading"].textContent = words.answerOf(model);
    this.#parts.model.textContent = model;
    this.#paper = new Paper(this.#parts.text);
    this.#typewriter = new Typewriter((text) => this.#paper.append(text));
  }

  #listen({ edit, again }) {
    const { element } = this;
    element.querySelector(".edit").addEventListener("click", () => edit(this));
    element.querySelector(".again").addEventListener("click", () => again(this));
    element.addEventListener("click", ({ target }) => {
      if (target.closest(".copy")) copy(target.closest(".copy"), this.exchange.text);
      const box = target.closest(".copy-code")?.parentElement;
      if (box) copy(box.querySelector(".copy-code"), box.querySelector("code").textContent);
    });
  }

  /** The next words of the answer. @param {"text" | "reasoning"} kind */
  write(kind, text) {
    if (kind === "text") return this.#typewriter.push(text);
    this.#parts.thoughts.hidden = text === "" && this.#parts.thoughts.hidden;
    this.#parts.reasoning.append(text);
  }

  /** The words of this kind come anew. @param {"text" | "reasoning"} kind */
  clear(kind) {
    if (kind === "reasoning") return this.#parts.reasoning.replaceChildren();
    this.#typewriter.flush();
    this.#paper.clear();
  }

  /** A state of the answer. */
  show(state) {
    const isOver = ["ended", "failed"].includes(state.name);
    if (isOver) this.#finish();
    const { answer, progress, waiting, end, tools, copy } = this.#parts;
    answer.dataset.state = state.name;
    answer.setAttribute("aria-busy", String(!isOver));
    answer.classList.toggle("refused", this.exchange.isRefusal);
    waiting.textContent = isOver || state.name === "streaming" ? "" : told(state);
    end.textContent = isOver ? endShown(state, this.exchange) : "";
    tools.hidden = !isOver;
    copy.hidden = !navigator.clipboard || this.exchange.text === ""; // plain HTTP has no clipboard
    showProgress(progress, state);
  }

  showCalls() {
    this.#parts.calls.hidden = this.exchange.calls.length === 0;
    this.#parts.calls.replaceChildren(
      ...this.exchange.calls.map((call) => {
        const item = document.createElement("li");
        item.append(Object.assign(document.createElement("code"), { textContent: call }));
        return item;
      }),
    );
  }

  #finish() {
    this.#typewriter.flush();
    this.#paper.finish();
  }
}

function partsOf(element) {
  const parts = element.querySelectorAll("[data-part]");
  return Object.fromEntries(Array.from(parts, (part) => [part.dataset.part, part]));
}

/** A whole answer needs no word about its end, unless it is empty. */
function endShown(state, { text }) {
  if (state.name === "failed") return told(state);
  if (state.reason === "complete" && text !== "") return "";
  const end = state.reason === "complete" ? words.ended.nothing : toldEnd(state);
  return end.charAt(0).toUpperCase() + end.slice(1);
}

function showProgress(bar, { name, progress }) {
  bar.hidden = name !== "loading";
  if (progress === null || progress === undefined) bar.removeAttribute("value");
  else bar.value = progress;
}

async function copy(button, text) {
  const label = button.querySelector("[data-text]") ?? button;
  const copied = navigator.clipboard.writeText(text).then(
    () => words.copied,
    () => words.notCopied, // the browser or its user forbids it
  );
  label.textContent = await copied;
  setTimeout(() => (label.textContent = words.copy), COPIED_SHOWN);
}
