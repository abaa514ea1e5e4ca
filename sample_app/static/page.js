/** The page: a conversation with a model, and the ways to go on with it. */

import { begin, urlOf } from "./asking.js";
import { remember, remembered, running, watch } from "./coming_back.js";
import { Composer, isComposing } from "./composer.js";
import { Conversation } from "./conversation.js";
import { ExchangeView } from "./exchange_view.js";
import { Following } from "./following.js";
import { readModels } from "./models.js";
import { Scenes } from "./scenes.js";
import { lang, speak, told, words } from "./words.js";

document.documentElement.lang = lang;
speak(document);
const page = Object.fromEntries(
  Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]),
);

/** Milliseconds, in which another tab gets an address if it lives: the server answers within 2 s. */
const PATIENCE = 3000;

/** @type {Conversation} */
let conversation = remembered();
/** @type {import("./reading.js").Reading | null} what is being read */
let reading = null;
/** @type {Map<string, ExchangeView>} by the ID of the exchange */
const views = new Map();

const scenes = new Scenes(page);
const composer = new Composer(page, { ask, stop });
const following = new Following(page.main, page.latest, () => reading !== null);

/* Asking */

/** @param {string} [place] the ID of the exchange whose place the question takes */
function ask(question, place) {
  reading?.stop();
  const exchange = conversation.ask(question, composer.model, place);
  show(conversation);
  read(exchange);
  remember(conversation);
  following.start();
}

/** Ask with a button that goes away with that. The keys are led to the button that stops. */
function askAtOnce(question, place) {
  ask(question, place);
  page.stop.focus();
}

const actions = {
  edit: ({ exchange }) => composer.edit(exchange),
  again: ({ exchange }) => askAtOnce(exchange.question, exchange.id),
};

function stop() {
  reading?.stop();
}

/** Begin another conversation. An answer that another tab asked for goes on. */
function startAnew() {
  if (reading?.isOurs) reading.stop();
  show(new Conversation());
  remember(conversation);
  composer.cancel();
  composer.focus();
}

/* Reading */

function read(exchange) {
  const isNew = exchange.url === null;
  scenes.begin(isNew);
  const listener = listenerFor(views.get(exchange.id));
  reading = begin(exchange, conversation.messagesFor(exchange), scenes.method, listener);
  composer.isBusy = true;
}

function listenerFor(view) {
  return {
    onWords(kind, text) {
      scenes.count();
      view.write(kind, text);
    },
    onRestart: (kind) => view.clear(kind),
    onCalls: () => view.showCalls(),
    onState: (state) => enter(view, state),
    onBytes: (bytes) => scenes.keepBytes(bytes),
  };
}

let announced = "";
let keptUrl = null;

function enter(view, state) {
  scenes.show(state);
  view.show(state);
  if (announced !== state.name) announce(state);
  if (view.exchange.end) finish();
  else keepAddress();
}

/** Keep the conversation as soon as the address of its running answer is known. */
function keepAddress() {
  const url = conversation.running?.url ?? null;
  if (url !== keptUrl) remember(conversation);
  keptUrl = url;
}

/** Tell a reader of the screen each state once, without its running numbers. */
function announce(state) {
  announced = state.name;
  page.announcement.textContent = told({ ...state, progress: null });
}

function finish() {
  reading = null;
  keptUrl = null;
  composer.isBusy = false;
  following.stay();
  remember(conversation);
}

/* Showing */

/** Show a conversation: this one after a change, or another. */
function show(shown) {
  conversation = shown;
  const ids = new Set(shown.exchanges.map(({ id }) => id));
  for (const [id, view] of views) if (!ids.has(id)) remove(id, view);
  for (const exchange of shown.exchanges) if (!views.has(exchange.id)) add(exchange);
  page.welcome.hidden = shown.exchanges.length > 0;
  page.fresh.hidden = shown.exchanges.length === 0;
}

function add(exchange) {
  const view = new ExchangeView(exchange, actions);
  views.set(exchange.id, view);
  page.log.append(view.element);
}

function remove(id, view) {
  if (reading?.exchange.id === id) leave();
  view.element.remove();
  views.delete(id);
}

function offerExamples() {
  page.examples.replaceChildren(
    ...words[`${composer.kind}Examples`].map((text) => {
      const button = Object.assign(document.createElement("button"), { textContent: text });
      button.type = "button";
      button.addEventListener("click", () => askAtOnce(text));
      return button;
    }),
  );
}

/* Coming back */

/** Go on with the answer that was being written when the page was left. */
async function comeBack() {
  const exchange = conversation.running;
  if (!exchange || reading) return;
  exchange.url ??= await running(urlOf("chat/streams")).catch(() => null); // offline
  if (conversation.running !== exchange || reading) return;
  if (exchange.url) return read(exchange);
  exchange.end = { name: "failed", reason: "", code: "lost" };
  views.get(exchange.id).show(exchange.end);
}

function leave() {
  reading?.leave();
  reading = null;
  composer.isBusy = false;
}

/** Another tab has changed the conversation, or has read more of it. */
function take(changed) {
  if (changed.id !== conversation.id) return;
  changed.exchanges = changed.exchanges.map(renewed);
  show(changed);
  if (!changed.running) return;
  // Without an address the other tab waits for the server, or was closed meanwhile.
  if (changed.running.url) comeBack();
  else setTimeout(comeBack, PATIENCE);
}

/** The exchange that is shown. If another tab knows more of it, that is shown in its place. */
function renewed(exchange) {
  const old = views.get(exchange.id);
  if (!old) return exchange;
  const isOurs = reading?.exchange === old.exchange;
  if (isOurs || JSON.stringify(old.exchange) === JSON.stringify(exchange)) return old.exchange;
  const view = new ExchangeView(exchange, actions);
  old.element.replaceWith(view.element);
  views.set(exchange.id, view);
  return exchange;
}

async function fillModels() {
  try {
    composer.offer(await readModels());
  } catch (error) {
    console.warn("The list of models could not be read.", error);
    composer.offer([]);
  }
  offerExamples();
}

/* The beginning */

show(conversation);
if (conversation.exchanges.length > 0) following.start();
fillModels();
comeBack();
watch(take);
page.fresh.addEventListener("click", startAnew);
page.model.addEventListener("change", offerExamples);
page.scenes.addEventListener("toggle", () => {
  if (page.scenes.open) page.scenes.scrollIntoView({ block: "nearest" });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isComposing(event)) return;
  if (!composer.cancel()) stop();
});
// A browser may keep the page as it is, and its connections too. So it must not wait for an answer
// meanwhile: the server would take it for a reader.
window.addEventListener("pagehide", () => {
  if (!reading) return;
  leave();
  remember(conversation);
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  take(remembered());
  comeBack();
});
composer.focus();
