// `openai`: responses in the background, cut and resumed, cancelled, deleted, gone on from.

import { isDeepStrictEqual } from "node:util";

import OpenAI from "openai";

const { APP } = process.env;
const client = new OpenAI({ baseURL: `${APP}/v1`, apiKey: "any", maxRetries: 0 });
const model = "told";
const question = () => Math.random().toString(16).slice(2).padEnd(12, "0");
const go = (word) => fetch(`${APP}/go/${word}`, { method: "POST" });

async function collected(stream, into = []) {
  for await (const event of stream) into.push(event);
  return into;
}

const CELLS = {
  /** The events of a stream, and of it cut and resumed behind each of them. */
  resumed: async () => {
    const input = question();
    const stream = await client.responses.create({ model, input, background: true, stream: true });
    const whole = [], wrong = [];
    for await (const event of stream) {
      whole.push(event);
      if (event.delta === "two ") break; // the connection breaks
    }
    const { id } = whole[0].response;
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: whole.at(-1).sequence_number });
    await go(input);
    await collected(rest, whole);
    for (const { sequence_number: number } of whole) {
      const rest = await collected(await client.responses.retrieve(id, { stream: true, starting_after: number }));
      if (!isDeepStrictEqual(rest, whole.slice(number + 1))) wrong.push(number);
    }
    const again = isDeepStrictEqual(await collected(await client.responses.retrieve(id, { stream: true })), whole);
    const { output_text: text } = await client.responses.retrieve(id);
    const numbers = whole.every((event, index) => event.sequence_number === index);
    return { text, again, wrong, numbers, last: whole.at(-1).type };
  },
  /** The states that a client sees which asks now and then. */
  polled: async () => {
    const input = question();
    let response = await client.responses.create({ model, input, background: true });
    const states = [response.status, (await client.responses.retrieve(response.id)).status];
    await go(input);
    while (["queued", "in_progress"].includes(response.status)) response = await client.responses.retrieve(response.id);
    return { states: [...states, response.status], text: response.output_text };
  },
  cancelled: async () => {
    const { id } = await client.responses.create({ model, input: question(), background: true });
    const seen = [await client.responses.cancel(id), await client.responses.cancel(id), await client.responses.retrieve(id)];
    const same = seen.every(({ output }) => isDeepStrictEqual(output, seen[0].output));
    return { states: seen.map(({ status }) => status), same };
  },
  /** The texts of two turns, of which the second names the first. */
  gone_on: async () => {
    const input = question();
    await go(input);
    const first = await client.responses.create({ model, input });
    const stream = client.responses.stream({ model, input: "recall", previous_response_id: first.id });
    const second = await stream.finalResponse();
    return { first: first.output_text, second: second.output_text.replace(input, "word") };
  },
  deleted: async () => {
    const input = question();
    await go(input);
    const { id } = await client.responses.create({ model, input });
    await client.responses.delete(id);
    return client.responses.retrieve(id).then(() => 200, ({ status }) => status);
  },
};

for (const [cell, ask] of Object.entries(CELLS)) console.log(JSON.stringify({ cell, value: await ask() }));
