// `openai`: each of its ways to ask.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import {
  apiKey, baseURL, errorOf, left, PERSON, slowScene, tell, WEATHER_TOOL, weatherIn,
} from "./telling.mjs";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const asking = (content) => [{ role: "user", content }];
const Person = z.object({ name: z.string(), age: z.number() });
const person = { type: "json_schema", json_schema: { name: "person", schema: PERSON, strict: true } };

const answer = () => ({ text: "", reasoning: "", refusal: "", calls: [], logprobs: [], finish: null });

function add(got, choice, message) {
  got.text += message.content ?? "";
  got.reasoning += message.reasoning_content ?? "";
  got.refusal += message.refusal ?? "";
  got.finish = choice.finish_reason ?? got.finish;
  got.logprobs.push(...(choice.logprobs?.content ?? []).map((one) => [one.token, one.logprob]));
}

const counted = (usage) => usage && {
  prompt: usage.prompt_tokens,
  completion: usage.completion_tokens,
  total: usage.total_tokens,
  cached: usage.prompt_tokens_details?.cached_tokens,
  reasoning: usage.completion_tokens_details?.reasoning_tokens,
};

async function ofChunks(chunks) {
  const got = answer();
  for await (const chunk of chunks) {
    if (chunk.usage) got.usage = counted(chunk.usage);
    for (const choice of chunk.choices) {
      add(got, choice, choice.delta);
      for (const { index, ...part } of choice.delta.tool_calls ?? []) {
        if (index === got.calls.length) got.calls.push(part);
        else got.calls[index].function.arguments += part.function.arguments;
      }
    }
  }
  return got;
}

function ofWhole(completion) {
  const got = answer();
  const [choice] = completion.choices;
  add(got, choice, choice.message);
  return { ...got, calls: choice.message.tool_calls ?? [], usage: counted(completion.usage) };
}

/** The cells of all ways to ask. */
const row = (name, ask) => ({
  name,
  text: async (model) => (await ask(model, asking("scene:text"))).text,
  halves: async (model) => (await ask(model, asking("scene:halves"))).text,
  reasons: async (model) => {
    const { reasoning, text } = await ask(model, asking("scene:reasons"));
    return { reasoning, text };
  },
  weather: async (model) => {
    const messages = asking("scene:weather");
    const more = { tools: [WEATHER_TOOL], parallel_tool_calls: true };
    const { calls, finish } = await ask(model, messages, more);
    messages.push({ role: "assistant", content: null, tool_calls: calls });
    for (const call of calls) {
      const content = weatherIn(JSON.parse(call.function.arguments));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
    const last = await ask(model, messages, more);
    const made = calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
    return { calls: made, finish, answer: last.text };
  },
  person: async (model) =>
    JSON.parse((await ask(model, asking("scene:person"), { response_format: person })).text),
  refuses: async (model) => (await ask(model, asking("scene:refuses"))).refusal,
  logprobs: async (model) =>
    (await ask(model, asking("scene:logprobs"), { logprobs: true })).logprobs,
  usage: async (model) => (await ask(model, asking("scene:text"))).usage,
  busy: (model) => errorOf(() => ask(model, asking("scene:busy"))),
  wrong: (model) => errorOf(() => ask(model, asking("scene:wrong"), { seed: 7 })),
  breaks: (model) => errorOf(() => ask(model, asking("scene:breaks"))),
});

const usage = { stream_options: { include_usage: true } };
const create = (model, messages, more) => client.chat.completions.create({ model, messages, ...more });
const stream = (model, messages, more) =>
  client.chat.completions.stream({ model, messages, ...usage, ...more });

const streamed = {
  ...row("`stream: true`", async (model, messages, more) =>
    ofChunks(await create(model, messages, { stream: true, ...usage, ...more }))),
  slow: async (model) => {
    const [word, prompt] = slowScene();
    for await (const _ of await create(model, asking(prompt), { stream: true })) break;
    return left(model, word);
  },
};

const helper = {
  ...row("`.stream()`", async (model, messages, more) =>
    ofWhole(await stream(model, messages, more).finalChatCompletion())),
  person: async (model) => {
    const response_format = zodResponseFormat(Person, "person");
    const got = await stream(model, asking("scene:person"), { response_format }).finalMessage();
    return got.parsed;
  },
  slow: async (model) => {
    const [word, prompt] = slowScene();
    const answer = stream(model, asking(prompt));
    answer.done().catch(() => {});
    await new Promise((resolve) => answer.once("content", resolve));
    answer.abort();
    return left(model, word);
  },
};

const parse = {
  name: "`.parse()` with zod",
  person: async (model) => {
    const response_format = zodResponseFormat(Person, "person");
    const asked = { model, messages: asking("scene:person"), response_format };
    return (await client.chat.completions.parse(asked)).choices[0].message.parsed;
  },
};

const runTools = {
  name: "`.runTools()`",
  weather: async (model) => {
    const calls = [];
    const run = (args) => {
      calls.push(["get_weather", args]);
      return weatherIn(args);
    };
    const tool = { ...WEATHER_TOOL, function: { ...WEATHER_TOOL.function, function: run, parse: JSON.parse } };
    const asked = { model, messages: asking("scene:weather"), tools: [tool], stream: true };
    return { answer: await client.chat.completions.runTools(asked).finalContent(), calls };
  },
};

const whole = row("whole", async (model, messages, more) => ofWhole(await create(model, messages, more)));

await tell(streamed, helper, whole, parse, runTools);
