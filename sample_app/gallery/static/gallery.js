// The gallery: one EventSource for all cards, as a browser opens six connections to a server at most.

const BUFFER = 8;
const CELL = 12;

const STRATEGIES = {
  block: "The source waits. Nothing is lost: right for a model's answer.",
  buffer: "It is queued, up to 64 KiB here. Past that the stream ends with overflow.",
  drop: "What comes while there is no room is lost: what is delivered grows old.",
  latest: "One slot behind the buffer, for the newest. What it replaces is lost.",
  coalesce: "Latest with coalesce: what waits in the slot is merged. Nothing is lost.",
  error: "The first item without room ends the stream.",
  missing: "No buffer at all: a send returns when the reader has taken the item.",
};
const COUNTERS = {
  emitter: "SseEmitter → streams.emitter()",
  flowable: "Flowable.create → streams.create()",
  flux: "Flux.interval → streams.response()",
};

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
    made.querySelector(".about").textContent = STRATEGIES[strategy];
    this.canvas = made.querySelector("canvas");
    element("cards").append(made);
  }

  show(seen) {
    this.say("sent", seen.sent);
    this.say("delivered", seen.delivered);
    this.say("lost", seen.lost);
    this.say("waiting", `${seen.waiting} waiting`);
    this.say("bytes", bytes(seen.bytes));
    this.say("on-the-way", seen.on_the_way ? `${seen.on_the_way} on the way` : "");
    this.say("state", seen.ended || (seen.source_waits ? "waits" : ""));
    this.article.classList.toggle("ended", Boolean(seen.ended));
    const buffer = this.article.querySelector(".buffer");
    buffer.classList.toggle("half", seen.waiting >= BUFFER / 2);
    buffer.classList.toggle("full", seen.waiting >= BUFFER);
    buffer.querySelector(".fill").style.width = `${Math.min(seen.waiting / BUFFER, 1) * 100}%`;
    this.draw(seen.tape);
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

function bytes(count) {
  return count < 10000 ? `${count} B` : `${(count / 1024).toFixed(1)} KiB`;
}

function currentSpeed() {
  return stalled ? 0 : Number(element("speed").value);
}

async function setSpeed() {
  const speed = currentSpeed();
  element("speed-shown").textContent = speed;
  await fetch(`${visit}/speed`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ items_per_second: speed }),
  });
}

function startAll() {
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

Object.keys(STRATEGIES).forEach((strategy) => { cards[strategy] = new Card(strategy); });
Object.entries(COUNTERS).forEach(([way, label]) => count(way, label));

element("rate").addEventListener("input", () => {
  element("rate-shown").textContent = element("rate").value;
});
element("rate").addEventListener("change", startAll);
element("speed").addEventListener("input", setSpeed);
element("again").addEventListener("click", startAll);
element("stall").addEventListener("click", (event) => {
  stalled = !stalled;
  event.target.setAttribute("aria-pressed", stalled);
  setSpeed();
});
startAll();
