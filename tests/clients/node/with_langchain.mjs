// LangChain.js: `ChatOpenAI`.

import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { concat } from "@langchain/core/utils/stream";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

import { apiKey, baseURL, errorOf, left, slowScene, tell, weatherIn } from "./telling.mjs";

const Person = z.object({ name: z.string(), age: z.number() });
const chat = (model, more) =>
  new ChatOpenAI({ model, apiKey, configuration: { baseURL }, maxRetries: 0, ...more });
const getWeather = tool(weatherIn, { name: "get_weather", schema: z.object({ city: z.string() }) });

async function whole(llm, said) {
  let got;
  for await (const chunk of await llm.stream(said)) got = got ? concat(got, chunk) : chunk;
  return got;
}

const stream = {
  name: "`stream`",
  text: async (model) => (await whole(chat(model), "scene:text")).content,
  halves: async (model) => (await whole(chat(model), "scene:halves")).content,
  reasons: async (model) => {
    const got = await whole(chat(model), "scene:reasons");
    return { reasoning: got.additional_kwargs.reasoning_content ?? "", text: got.content };
  },
  weather: async (model) => {
    const llm = chat(model).bindTools([getWeather], { parallel_tool_calls: true });
    const said = [new HumanMessage("scene:weather")];
    const first = await whole(llm, said);
    said.push(first);
    for (const call of first.tool_calls) {
      said.push(new ToolMessage({ content: weatherIn(call.args), tool_call_id: call.id }));
    }
    const calls = first.tool_calls.map((call) => [call.name, call.args]);
    const finish = first.response_metadata.finish_reason;
    return { calls, finish, answer: (await whole(llm, said)).content };
  },
  person: (model) => chat(model).withStructuredOutput(Person).invoke("scene:person"),
  person_by_tool: (model) =>
    chat(model).withStructuredOutput(Person, { method: "functionCalling" }).invoke("scene:person"),
  logprobs: async (model) => {
    const got = await whole(chat(model, { logprobs: true }), "scene:logprobs");
    return got.response_metadata.logprobs.content.map((one) => [one.token, one.logprob]);
  },
  usage: async (model) => {
    const usage = (await whole(chat(model), "scene:text")).usage_metadata;
    return usage && {
      prompt: usage.input_tokens,
      completion: usage.output_tokens,
      total: usage.total_tokens,
      cached: usage.input_token_details?.cache_read,
      reasoning: usage.output_token_details?.reasoning,
    };
  },
  busy: (model) => errorOf(() => whole(chat(model), "scene:busy")),
  wrong: (model) => errorOf(() => whole(chat(model, { modelKwargs: { seed: 7 } }), "scene:wrong")),
  breaks: (model) => errorOf(() => whole(chat(model), "scene:breaks")),
  slow: async (model) => {
    const [word, prompt] = slowScene();
    const abort = new AbortController();
    for await (const _ of await chat(model).stream(prompt, { signal: abort.signal })) break;
    abort.abort();
    return left(model, word);
  },
};

const invoke = {
  name: "`invoke`",
  text: async (model) => (await chat(model).invoke("scene:text")).content,
  weather: async (model) => {
    const llm = chat(model).bindTools([getWeather]);
    const said = [new HumanMessage("scene:weather")];
    const first = await llm.invoke(said);
    said.push(first);
    for (const call of first.tool_calls) said.push(await getWeather.invoke(call));
    const calls = first.tool_calls.map((call) => [call.name, call.args]);
    return { calls, finish: first.response_metadata.finish_reason, answer: (await llm.invoke(said)).content };
  },
};

await tell(stream, invoke);
