// Node's readers, a function each: `node node_readers.mjs NAME METHOD URL BODY`.
// It prints each event in a line, as JSON: its type and its data.

const [name, method, url, body] = process.argv.slice(2);
const asked = { method, headers: { "Content-Type": "application/json" } };
if (body !== "null") asked.body = body;

const say = (...words) => console.log(JSON.stringify(words));

/** An `EventSource`, with a listener for each type that the page would know. */
function listen(source) {
  for (const type of ["message", "opened", "ended"]) {
    source.addEventListener(type, (event) => say(type, event.data));
  }
  source.addEventListener("error", (event) => {
    if (typeof event.data === "string") say("error", event.data);
    else if (event.status ?? event.code) say("status", event.status ?? event.code);
  });
}

/** @microsoft/fetch-event-source, with this handler of its messages. */
async function fetchEventSource(onmessage) {
  globalThis.window = globalThis;
  globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
  const { fetchEventSource } = await import("@microsoft/fetch-event-source");
  await fetchEventSource(url, { ...asked, onmessage, onerror: () => 50 });
}

const READERS = {
  "eventsource 2": async () => listen(new (await import("eventsource2")).default(url)),
  "eventsource 3": async () => listen(new (await import("eventsource3")).EventSource(url)),
  "eventsource 4": async () => listen(new (await import("eventsource")).EventSource(url)),
  "launchdarkly-eventsource (Node)": async () => {
    const { EventSource } = (await import("launchdarkly-eventsource")).default;
    listen(new EventSource(url, { initialRetryDelayMillis: 50 }));
  },
  "eventsource-parser": async () => {
    const { createParser } = await import("eventsource-parser");
    const parser = createParser({ onEvent: ({ event, data }) => say(event ?? "message", data) });
    const answer = await fetch(url, asked);
    if (!answer.ok) return say("status", answer.status);
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) parser.feed(piece);
  },
  "fetch-event-stream": async () => {
    const { events } = await import("fetch-event-stream");
    const answer = await fetch(url, asked);
    if (!answer.ok) return say("status", answer.status);
    for await (const { event, data } of events(answer)) say(event ?? "message", data ?? "");
  },
  "fetch-event-source, guarded": () =>
    fetchEventSource(({ event, data }) => data && say(event || "message", data)),
  "fetch-event-source, plain": () =>
    fetchEventSource(({ event, data }) => {
      const isText = url.includes("format=text") || url.includes("/v1/streams/");
      say(event || "message", data);
      if (!isText && data !== "[DONE]") JSON.parse(data); // it asks again when this throws
    }),
  "openai (Node)": async () => {
    const { default: OpenAI } = await import("openai");
    const baseURL = url.split("/chat")[0];
    const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
    const options = { ...JSON.parse(body), model: "m", stream: true };
    for await (const chunk of await client.chat.completions.create(options)) {
      say("message", JSON.stringify(chunk));
    }
    say("message", "[DONE]");
  },
};

try {
  await READERS[name]();
} catch (error) {
  say("error", null, String(error).slice(0, 200));
}
