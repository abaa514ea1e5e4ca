// Reads the answers in a file as `useChat` does, with each version of the AI SDK: which of them fails?

import { readFileSync } from "node:fs";

import { VERSIONS } from "./ai_versions.mjs";

const answers = JSON.parse(readFileSync(process.argv[2], "utf-8"));

/** Answers with the bytes of an event stream. */
const served = (bytes) => async () => new Response(Buffer.from(bytes, "base64"));

async function failureOf(sdk, bytes) {
  const transport = new sdk.DefaultChatTransport({ fetch: served(bytes) });
  try {
    const stream = await transport.sendMessages({ chatId: "1", messages: [], trigger: "submit-message" });
    const errors = [];
    const message = { id: "1", role: "assistant", parts: [] };
    const read = sdk.readUIMessageStream({ stream, message, onError: (error) => errors.push(String(error)) });
    for await (const _ of read);
    return errors;
  } catch (error) {
    return [String(error?.cause ?? error)];
  }
}

for (const [version, sdk] of Object.entries(VERSIONS)) {
  const failed = [];
  for (const [index, bytes] of answers.entries()) {
    const errors = await failureOf(sdk, bytes);
    if (errors.length) failed.push({ index, errors });
  }
  console.log(JSON.stringify({ version, read: answers.length, failed }));
}
