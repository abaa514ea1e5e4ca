// What a page with `useChat` gets when it comes back to an answer, in each version of the AI SDK.

import { VERSIONS } from "./ai_versions.mjs";
import { newPage, textIn, until } from "./pages.mjs";

const { APP } = process.env;
const API = `${APP}/v1/chat/ui`;
const word = () => Math.random().toString(16).slice(2).padEnd(12, "0");
const post = async (path) => (await fetch(`${APP}${path}`, { method: "POST" })).json();

function pageOf(sdk, { id, messages, user = "ada", ...transport }) {
  const seen = { errors: [], finished: [] };
  const page = newPage(sdk, {
    id, messages,
    transport: new sdk.DefaultChatTransport({ api: API, headers: { "X-User": user }, ...transport }),
    onError: (error) => seen.errors.push(error.message),
    onFinish: ({ finishReason }) => seen.finished.push(finishReason),
  });
  return { page, seen };
}

/** A page that has asked, and has had the beginning of the answer. */
async function begun(sdk, options = {}) {
  const question = word();
  const { page, seen } = pageOf(sdk, { id: `chat-${question}`, ...options });
  const asking = page.sendMessage({ text: question });
  await until(() => page.lastMessage && textIn(page.lastMessage) === "one two ");
  return { page, seen, asking, question, id: page.id, before: page.messages.slice(0, -1) };
}

/** The page that is there behind a reload: it has the messages up to the question. */
function reloaded(sdk, first, options) {
  const { page, seen } = pageOf(sdk, { id: first.id, messages: first.before, ...options });
  return { page, seen, resuming: page.resumeStream() };
}

/** Go on, once each of these pages has the beginning. */
async function goOn(question, ...chats) {
  const hasBegun = ({ page }) => page.lastMessage?.role === "assistant" && textIn(page.lastMessage) === "one two ";
  await until(() => chats.every(hasBegun));
  return post(`/go/${question}`);
}

const shown = ({ page, seen }) => ({
  text: page.lastMessage?.role === "assistant" ? textIn(page.lastMessage) : null,
  messages: page.messages.length, status: page.status, errors: seen.errors,
});

const CELLS = {
  reload: async (sdk) => {
    const first = await begun(sdk);
    await first.page.stop();
    await first.asking;
    const second = reloaded(sdk, first);
    const { made } = await goOn(first.question, second);
    await second.resuming;
    return { ...shown(second), made, same: second.page.lastMessage.id === first.page.lastMessage.id };
  },
  tabs: async (sdk) => {
    const first = await begun(sdk);
    const others = [reloaded(sdk, first), reloaded(sdk, first)];
    const { made } = await goOn(first.question, ...others);
    await Promise.all([first.asking, ...others.map(({ resuming }) => resuming)]);
    return { made, shown: [first, ...others].map(shown) };
  },
  over: async (sdk) => {
    const first = await begun(sdk);
    await post(`/go/${first.question}`);
    await first.asking;
    const second = reloaded(sdk, first);
    await second.resuming;
    return shown(second);
  },
  unknown: async (sdk) => {
    const { page, seen } = pageOf(sdk, { id: `chat-${word()}` });
    await page.resumeStream();
    return shown({ page, seen });
  },
  another: async (sdk) => {
    const first = await begun(sdk);
    const second = reloaded(sdk, first, { user: "eve" });
    await second.resuming;
    await post(`/go/${first.question}`);
    await first.asking;
    return { ...shown(second), theirs: textIn(first.page.lastMessage) };
  },
  again: async (sdk) => {
    const first = await begun(sdk);
    await first.page.stop();
    await first.asking;
    const asking = first.page.regenerate();
    await until(() => first.page.status === "streaming");
    await first.page.stop();
    await asking;
    const second = reloaded(sdk, first);
    const { made } = await goOn(first.question, second);
    await second.resuming;
    return { ...shown(second), made, newest: second.page.lastMessage.id === first.page.lastMessage.id };
  },
  stopped: async (sdk) => {
    const first = await begun(sdk);
    const other = reloaded(sdk, first);
    await until(() => textIn(other.page.lastMessage) === "one two ");
    const { status } = await fetch(`${API}/${first.id}/stream`, { method: "DELETE", headers: { "X-User": "ada" } });
    await Promise.all([first.asking, other.resuming]);
    const { ended } = await (await fetch(`${APP}/ended/${first.question}`)).json();
    return { status, ended, shown: [first, other].map(shown) };
  },
  prepared: async (sdk) => {
    let streamId;
    const noting = async (...asked) => {
      const response = await fetch(...asked);
      streamId = response.headers.get("X-Stream-ID");
      return response;
    };
    const first = await begun(sdk, { fetch: noting });
    const second = reloaded(sdk, first, {
      prepareReconnectToStreamRequest: () => ({ api: `${APP}/v1/chat/streams/${streamId}` }),
    });
    await goOn(first.question, second);
    await Promise.all([first.asking, second.resuming]);
    return shown(second);
  },
  tool: async (sdk) => {
    const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
    const { page, seen } = pageOf(sdk, { id: `chat-${word()}`, body: { tools } });
    await page.sendMessage({ text: "weather" });
    const output = word();
    await page.addToolOutput({ tool: "get_weather", toolCallId: page.lastMessage.parts.at(-1).toolCallId, output });
    const asked = structuredClone(page.messages);
    const asking = page.sendMessage();
    await until(() => textIn(page.lastMessage) === "one two ");
    await page.stop();
    await asking;
    const second = reloaded(sdk, { id: page.id, before: asked }, { body: { tools } });
    await goOn(output, second);
    await second.resuming;
    return { ...shown(second), parts: second.page.lastMessage.parts.map(({ type }) => type), first: seen.errors };
  },
};

for (const version of ["5.0.92", "5", "6", "7"]) {
  for (const [cell, ask] of Object.entries(CELLS)) {
    const told = await ask(VERSIONS[version]).then((value) => ({ value }), (error) => ({ failed: String(error?.stack ?? error) }));
    console.log(JSON.stringify({ version, cell, ...told }));
  }
}
