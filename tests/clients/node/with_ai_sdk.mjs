// The AI SDK: `@ai-sdk/openai-compatible`, and `@ai-sdk/openai` with `.chat()` and as it is.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { apiKey, baseURL, errorOf, left, slowScene, tell, weatherIn } from "./telling.mjs";

const compatible = createOpenAICompatible({
  name: "ours", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true,
});
const openai = createOpenAI({ baseURL, apiKey });
const Person = z.object({ name: z.string(), age: z.number() });

/** The parts of a streamed answer. An error of it is a part, too, which is thrown here. */
async function partsOf(asked) {
  const parts = [];
  const result = streamText({ maxRetries: 0, onError: () => {}, ...asked });
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    parts.push(part);
  }
  return parts;
}

const texts = (parts, type) =>
  parts.filter((part) => part.type === type).map((part) => part.text).join("");

const calledTools = (calls) => ({
  get_weather: tool({
    description: "The weather.",
    inputSchema: z.object({ city: z.string() }),
    execute: async (args) => {
      calls.push(["get_weather", args]);
      return weatherIn(args);
    },
  }),
});

const counted = (usage) => ({
  prompt: usage.inputTokens,
  completion: usage.outputTokens,
  total: usage.totalTokens,
  cached: usage.inputTokenDetails?.cacheReadTokens ?? usage.cachedInputTokens,
  reasoning: usage.outputTokenDetails?.reasoningTokens ?? usage.reasoningTokens,
});

/** The cells of a provider, whose models are made by a function of their name. */
const row = (name, make) => ({
  name,
  text: async (id) => texts(await partsOf({ model: make(id), prompt: "scene:text" }), "text-delta"),
  halves: async (id) => texts(await partsOf({ model: make(id), prompt: "scene:halves" }), "text-delta"),
  reasons: async (id) => {
    const parts = await partsOf({ model: make(id), prompt: "scene:reasons" });
    return { reasoning: texts(parts, "reasoning-delta"), text: texts(parts, "text-delta") };
  },
  weather: async (id) => {
    const calls = [];
    const asked = { model: make(id), prompt: "scene:weather", tools: calledTools(calls) };
    const parts = await partsOf({ ...asked, stopWhen: stepCountIs(3) });
    const finish = parts.find((part) => part.type === "finish-step").finishReason;
    return { calls, finish: finish.replace("-", "_"), answer: texts(parts, "text-delta") };
  },
  turns: async (id) => {
    const calls = [];
    const messages = [{ role: "user", content: "scene:weather" }];
    const asked = { model: make(id), tools: calledTools(calls), maxRetries: 0, onError: () => {} };
    const first = streamText({ ...asked, messages, stopWhen: stepCountIs(3) });
    const answer = await first.text;
    const said = (await first.responseMessages) ?? (await first.response).messages; // 7, or 6
    messages.push(...said, { role: "user", content: "scene:recalls" });
    return { calls, answer, recalled: await streamText({ ...asked, messages }).text };
  },
  person: async (id) =>
    (await generateObject({ model: make(id), schema: Person, prompt: "scene:person", maxRetries: 0 })).object,
  person_streamed: async (id) => {
    const output = Output.object({ schema: Person });
    const asked = { model: make(id), prompt: "scene:person", output, maxRetries: 0 };
    const result = streamText({ ...asked, onError: () => {} });
    await result.consumeStream();
    return result.output;
  },
  usage: async (id) => {
    const parts = await partsOf({ model: make(id), prompt: "scene:text" });
    return counted(parts.find((part) => part.type === "finish").totalUsage);
  },
  busy: (id) => errorOf(() => partsOf({ model: make(id), prompt: "scene:busy" })),
  wrong: (id) => errorOf(() => partsOf({ model: make(id), prompt: "scene:wrong", seed: 7 })),
  breaks: (id) => errorOf(() => partsOf({ model: make(id), prompt: "scene:breaks" })),
  slow: async (id) => {
    const [word, prompt] = slowScene();
    const abort = new AbortController();
    const { textStream } = streamText({ model: make(id), prompt, abortSignal: abort.signal, onError: () => {} });
    for await (const _ of textStream) {
      abort.abort();
      break;
    }
    return left(id, word);
  },
});

const whole = {
  name: "`openai-compatible`, `generateText`",
  text: async (id) => (await generateText({ model: compatible(id), prompt: "scene:text" })).text,
  reasons: async (id) => {
    const got = await generateText({ model: compatible(id), prompt: "scene:reasons", maxRetries: 0 });
    return { reasoning: got.reasoningText ?? "", text: got.text };
  },
  weather: async (id) => {
    const calls = [];
    const tools = calledTools(calls);
    const asked = { model: compatible(id), prompt: "scene:weather", tools, maxRetries: 0 };
    const got = await generateText({ ...asked, stopWhen: stepCountIs(3) });
    return { calls, finish: got.steps[0].finishReason.replace("-", "_"), answer: got.text };
  },
};

await tell(
  row("`openai-compatible`", compatible), whole, row("`openai().chat()`", openai.chat),
  row("`openai()`", openai),
);
