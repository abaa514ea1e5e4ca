// The body of a function of (kind, url, body): a page's reader. `heard` is what it got.

const [kind, url, body] = arguments;
window.heard = [];
const say = (...words) => heard.push(words);

function listen(source) {
  for (const type of ["message", "opened", "ended"]) {
    source.addEventListener(type, (event) => say(type, event.data));
  }
  window.source = source;
}

const script = (path) =>
  new Promise((loaded) => {
    const tag = document.createElement("script");
    Object.assign(tag, { src: `/packages/${path}`, onload: loaded });
    document.head.append(tag);
  });

const reconnecting = () => script("reconnecting-eventsource/dist/ReconnectingEventSource.min.js");
const SOON = { max_retry_time: 50 };

const READERS = {
  EventSource: () => listen(new EventSource(url)),
  "sse.js": async () => {
    const { SSE } = await import("/packages/sse.js/lib/sse.js");
    const headers = { "Content-Type": "application/json" };
    const source = new SSE(url, { headers, payload: body });
    source.addEventListener("error", (event) => say("status", event.responseCode));
    listen(source);
  },
  "llmstream.js": async () => {
    const { Answer } = await import("/llmstream.js");
    const options = { onText: (text) => say("text", text) };
    const answer = Answer.post(url, JSON.parse(body), options);
    window.source = answer;
    answer.finished.then((state) => {
      say("status", state.name);
      answer.readyState = 2;
    });
  },
  "event-source-polyfill": async () => {
    await script("event-source-polyfill/src/eventsource.js");
    const source = new EventSourcePolyfill(url);
    source.addEventListener("error", (event) => event.status && say("status", event.status));
    listen(source);
  },
  "reconnecting, listeners": async () => {
    await reconnecting();
    listen(new ReconnectingEventSource(url, SOON));
  },
  "reconnecting, onmessage": async () => {
    await reconnecting();
    window.source = new ReconnectingEventSource(url, SOON);
    source.onmessage = (event) => say("message", event.data);
  },
};
READERS[kind]();
