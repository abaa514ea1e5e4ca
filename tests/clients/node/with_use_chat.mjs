// What `useChat` gives its page, in each version of the AI SDK: its `Chat`, without React around it.

import { VERSIONS } from "./ai_versions.mjs";
import { joined, newPage, textIn, until } from "./pages.mjs";
import { weatherIn, WEATHER_TOOL } from "./telling.mjs";

const { APP, UPSTREAM } = process.env;
function pageOf(sdk, model, { api = `${APP}/v1/chat/ui`, ...options } = {}) {
  const seen = { errors: [], data: [], finished: [] };
  const page = newPage(sdk, {
    transport: new sdk.DefaultChatTransport({ api, body: { model, tools: [WEATHER_TOOL] } }),
    onError: (error) => seen.errors.push(error.message),
    onData: (part) => seen.data.push(part),
    onFinish: ({ finishReason, isAbort }) => seen.finished.push({ finishReason, isAbort }),
    onToolCall: ({ toolCall }) => options.tool && answer(page, toolCall),
    sendAutomaticallyWhen: options.tool && sdk.lastAssistantMessageIsCompleteWithToolCalls,
  });
  return { page, seen };
}

function answer(page, { toolCallId, toolName: tool, input }) {
  page.addToolOutput({ tool, toolCallId, output: weatherIn(input) }); // not awaited: the SDK says so
}

async function asked(sdk, model, text, options) {
  const { page, seen } = pageOf(sdk, model, options);
  await page.sendMessage({ text });
  return { page, seen, last: page.lastMessage };
}

/** Wait until the page has nothing more to do, as behind a tool's answer it asks again by itself. */
async function settled({ page, seen }, answers) {
  await until(() => seen.finished.length >= answers || seen.errors.length);
}

const CELLS = {
  text: async (sdk, model) => textIn((await asked(sdk, model, "scene:text")).last),
  halves: async (sdk, model) => textIn((await asked(sdk, model, "scene:halves")).last),
  reasons: async (sdk, model) => {
    const { last } = await asked(sdk, model, "scene:reasons");
    return { reasoning: joined(last, "reasoning"), text: textIn(last) };
  },
  weather: async (sdk, model) => {
    const chat = await asked(sdk, model, "scene:weather", { tool: true });
    await settled(chat, 2);
    const message = chat.page.lastMessage;
    const calls = message.parts.filter((part) => part.type === "tool-get_weather");
    return {
      calls: calls.map(({ input }) => ["get_weather", input]), states: calls.map(({ state }) => state),
      answer: textIn(message), messages: chat.page.messages.length, finished: chat.seen.finished,
      errors: chat.seen.errors,
    };
  },
  refuses: async (sdk, model) => textIn((await asked(sdk, model, "scene:refuses")).last),
  usage: async (sdk, model) => (await asked(sdk, model, "scene:halves")).last.metadata.usage,
  busy: async (sdk, model) => (await asked(sdk, model, "scene:busy")).seen.errors,
  breaks: async (sdk, model) => {
    const { page, seen, last } = await asked(sdk, model, "scene:breaks");
    return { errors: seen.errors, status: page.status, text: textIn(last), state: last.parts.at(-1).state };
  },
  left: async (sdk, model) => {
    const word = Math.random().toString(16).slice(2, 10);
    const { page, seen } = pageOf(sdk, model);
    const asking = page.sendMessage({ text: `scene:slow ${word}` });
    await until(() => page.lastMessage && textIn(page.lastMessage).length >= 10);
    await page.stop();
    await asking;
    const ended = await fetch(`${model === "own" ? APP : UPSTREAM}/ended/${word}`);
    return { ended: ended.ok, errors: seen.errors };
  },
  regenerated: async (sdk, model) => {
    const { page } = await asked(sdk, model, "scene:halves");
    const first = page.lastMessage.id;
    await page.regenerate();
    return { text: textIn(page.lastMessage), messages: page.messages.length, other: page.lastMessage.id !== first };
  },
  image: async (sdk, model) => {
    const { page, seen } = pageOf(sdk, model);
    const url = "data:image/png;base64,iVBORw0KGgo=";
    await page.sendMessage({ text: "scene:halves", files: [{ type: "file", mediaType: "image/png", url }] });
    return { text: textIn(page.lastMessage), errors: seen.errors };
  },
  completed: async (sdk, model) => {
    const got = { text: "", errors: [] };
    const nothing = () => {};
    await sdk.callCompletionApi({
      api: `${APP}/v1/chat/ui`, prompt: "scene:halves", body: { model },
      setCompletion: (text) => { got.text = text; }, onError: (error) => got.errors.push(error.message),
      setLoading: nothing, setError: nothing, setAbortController: nothing,
    });
    return got;
  },
  wrong: async (sdk, model) => {
    const { page, seen } = pageOf(sdk, model);
    await page.sendMessage({ parts: [{ type: "text" }], role: "user" });
    return seen.errors;
  },
};

/** Views of the application's own. */
const VIEWS = {
  parts: async (sdk) => {
    const { last, seen } = await asked(sdk, "own", "Hello", { api: `${APP}/parts` });
    return { parts: last.parts.map(plain), data: seen.data.map(plain), metadata: last.metadata, errors: seen.errors };
  },
  cancelled: async (sdk) => {
    const { page, seen, last } = await asked(sdk, "own", "Hello", { api: `${APP}/cancelled` });
    return { status: page.status, errors: seen.errors, parts: last.parts.map(plain) };
  },
};

const plain = (part) => JSON.parse(JSON.stringify(part));

async function tell(version, name, model, ask) {
  const told = await ask(VERSIONS[version], model).then((value) => ({ value }), (error) => ({ failed: String(error?.stack ?? error) }));
  console.log(JSON.stringify({ version, model, cell: name, ...told }));
}

for (const version of Object.keys(VERSIONS).filter((name) => name !== "5.0.92")) {
  for (const model of ["own", "relay"]) {
    for (const [name, ask] of Object.entries(CELLS)) await tell(version, name, model, ask);
  }
  for (const [name, ask] of Object.entries(VIEWS)) await tell(version, name, "own", ask);
}
