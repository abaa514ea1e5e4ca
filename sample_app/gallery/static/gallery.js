// The gallery: one EventSource for all cards, as a browser opens six connections to a server at most.

import { language } from "../../static/language.js";
import { WORDS } from "./words.js";

const BUFFER = 8;
const CELL = 12;

const COUNTERS = {
  emitter: "SseEmitter → streams.emitter()",
  flowable: "Flowable.create → streams.create()",
  flux: "Flux.interval → streams.response()",
};

const lang = language();
const words = WORDS[lang];
const visit = Math.random().toString(36).slice(2);
const element = (id) => document.getElementById(id);
const cards = {};
let stalled = false;
let source = null;

class Card {
  constructor(strategy) {
    const made = element("card").content.cloneNode(true);
    this.article = made.querySelector("article");
    this.article.dataset.strategy = strategy;
    made.querySelector("h2").textContent = strategy;
    made.querySelector(".about").textContent = words.strategies[strategy];
    this.canvas = made.querySelector("canvas");
    this.canvas.setAttribute("aria-label", words.latest);
    this.buffer = made.querySelector(".buffer");
    speak(made);
    element("cards").append(made);
  }

  show(seen) {
    this.say("sent", seen.sent);
    this.say("delivered", seen.delivered);
    this.say("lost", seen.lost);
    this.say("bytes", bytes(seen.bytes));
    this.say("on-the-way", seen.on_the_way ? words.onTheWay(seen.on_the_way) : "");
    this.say("state", state(seen));
    this.article.classList.toggle("ended", Boolean(seen.ended));
    this.fill(seen.waiting);
    this.draw(seen.tape);
  }

  fill(waiting) {
    this.say("waiting", words.nowWaiting(waiting));
    this.buffer.setAttribute("aria-label", words.nowWaiting(waiting));
    this.buffer.classList.toggle("full", waiting >= BUFFER);
    this.buffer.firstElementChild.style.width = `${Math.min(waiting / BUFFER, 1) * 100}%`;
  }

  say(what, value) {
    this.article.querySelector(`[data-is=${what}]`).textContent = value;
  }

  draw(tape) {
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const columns = this.canvas.width / CELL;
    [...tape].forEach((fate, index) => {
      const x = (index % columns) * CELL;
      const y = Math.floor(index / columns) * CELL * 3;
      context.fillStyle = style.getPropertyValue(`--${fate}`);
      context.fillRect(x + 1, y + 1, CELL - 2, CELL * 3 - 2);
    });
  }
}

/** Write the words into the elements that name them. Code stands between backticks. */
function speak(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    const parts = words[element.dataset.text].split("`");
    element.replaceChildren(...parts.map((part, index) => (index % 2 ? code(part) : part)));
  }
}

function code(text) {
  return Object.assign(document.createElement("code"), { textContent: text });
}

function state({ ended, source_waits: waits }) {
  if (ended) return words.ended[ended] ?? ended;
  return waits ? words.waits : "";
}

function bytes(count) {
  return count < 10000 ? `${count} B` : `${(count / 1024).toFixed(1)} KiB`;
}

function currentSpeed() {
  return stalled ? 0 : Number(element("speed").value);
}

/** The labels say what the source and the reader do. */
function showSettings() {
  element("rate-shown").textContent = element("rate").value;
  element("speed-shown").textContent = currentSpeed();
}

async function setSpeed() {
  showSettings();
  await fetch(`${visit}/speed`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ items_per_second: currentSpeed() }),
  });
}

function startAll() {
  showSettings();
  source?.close();
  source = new EventSource(`${visit}/races?rate=${element("rate").value}&speed=${currentSpeed()}`);
  source.addEventListener("open", setSpeed); // which may have changed before it came back
  source.addEventListener("message", (event) => {
    for (const [strategy, seen] of Object.entries(JSON.parse(event.data))) cards[strategy]?.show(seen);
  });
}

function count(way, label) {
  const article = document.createElement("article");
  const button = document.createElement("button");
  const output = document.createElement("output");
  article.append(button, output);
  button.textContent = label;
  button.addEventListener("click", () => {
    output.textContent = "";
    const source = new EventSource(`counter/${way}`);
    source.addEventListener("message", (event) => {
      const { ended, message } = JSON.parse(event.data);
      output.textContent += message;
      if (ended) source.close();
    });
  });
  element("counters").append(article);
}

document.documentElement.lang = lang;
document.title = `${words.title} – flask_llmstream`;
speak(document);
Object.keys(words.strategies).forEach((strategy) => { cards[strategy] = new Card(strategy); });
Object.entries(COUNTERS).forEach(([way, label]) => count(way, label));

element("rate").addEventListener("input", showSettings);
element("rate").addEventListener("change", startAll);
element("speed").addEventListener("input", setSpeed);
element("again").addEventListener("click", startAll);
element("stall").addEventListener("click", (event) => {
  stalled = !stalled;
  event.target.setAttribute("aria-pressed", stalled);
  setSpeed();
});
// By then a reload has put the sliders back, and Back has brought the page, whose stream may be cut.
window.addEventListener("pageshow", startAll);
