// `openai`: the ways to ask of its `client.responses`.

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import {
  apiKey, baseURL, errorOf, left, PERSON, slowScene, tell, WEATHER_TOOL, weatherIn,
} from "./telling.mjs";

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const Person = z.object({ name: z.string(), age: z.number() });
const person = { type: "json_schema", name: "person", schema: PERSON, strict: true };
const tools = [{ type: "function", strict: false, ...WEATHER_TOOL.function }];
const user = (content) => ({ role: "user", content });

const of = (response, kind) => response.output.filter((item) => item.type === kind);
const words = (response, member) =>
  of(response, "message").flatMap((item) => item.content).map((part) => part[member] ?? "").join("");
const said = (response) => words(response, "text");

/** The cells of all ways to ask. A way to ask gives a response. */
const row = (name, ask) => ({
  name,
  text: async (model) => said(await ask({ model, input: "scene:text" })),
  halves: async (model) => said(await ask({ model, input: "scene:halves" })),
  reasons: async (model) => {
    const got = await ask({ model, input: "scene:reasons" });
    const thoughts = of(got, "reasoning").flatMap((item) => item.summary).map((part) => part.text);
    return { reasoning: thoughts.join(""), text: said(got) };
  },
  turns: async (model) => {
    const input = [user("scene:weather")];
    const first = await ask({ model, input, tools });
    input.push(...first.output);
    for (const { call_id, arguments: text } of of(first, "function_call")) {
      input.push({ type: "function_call_output", call_id, output: weatherIn(JSON.parse(text)) });
    }
    const second = await ask({ model, input, tools });
    input.push(...second.output, user("scene:recalls"));
    const third = await ask({ model, input, tools });
    const calls = of(first, "function_call").map((call) => [call.name, JSON.parse(call.arguments)]);
    return { calls, answer: said(second), recalled: said(third) };
  },
  person: async (model) =>
    JSON.parse(said(await ask({ model, input: "scene:person", text: { format: person } }))),
  refuses: async (model) => words(await ask({ model, input: "scene:refuses" }), "refusal"),
  logprobs: async (model) => {
    const include = ["message.output_text.logprobs"];
    const [answer] = (await ask({ model, input: "scene:logprobs", include })).output;
    return answer.content[0].logprobs.map((one) => [one.token, one.logprob]);
  },
  usage: async (model) => {
    const { usage } = await ask({ model, input: "scene:text" });
    return {
      prompt: usage.input_tokens,
      completion: usage.output_tokens,
      total: usage.total_tokens,
      cached: usage.input_tokens_details.cached_tokens,
      reasoning: usage.output_tokens_details.reasoning_tokens,
    };
  },
  busy: (model) => errorOf(() => ask({ model, input: "scene:busy" })),
  wrong: (model) => errorOf(() => ask({ model, input: "scene:wrong", seed: 7 })),
  breaks: (model) => errorOf(() => ask({ model, input: "scene:breaks" })),
});

const streamed = {
  ...row("`responses`, `stream: true`", async (asked) => {
    let last;
    for await (const event of await client.responses.create({ ...asked, stream: true })) last = event;
    return last.response;
  }),
  slow: async (model) => {
    const [word, input] = slowScene();
    for await (const event of await client.responses.create({ model, input, stream: true })) {
      if (event.type === "response.output_text.delta") break;
    }
    return left(model, word);
  },
};
const helper = row("`responses.stream()`", (asked) => client.responses.stream(asked).finalResponse());
const whole = row("`responses`, whole", (asked) => client.responses.create(asked));
const parse = {
  name: "`responses.parse()` with zod",
  person: async (model) => {
    const text = { format: zodTextFormat(Person, "person") };
    return (await client.responses.parse({ model, input: "scene:person", text })).output_parsed;
  },
};

await tell(streamed, helper, whole, parse);
