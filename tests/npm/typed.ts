/** Good and bad uses of the package's types. */

import {
  Answer,
  EventStreamDecoder,
  LLMStream,
  StreamFailure,
  Typewriter,
  postEvents,
  type AnswerOptions,
  type StreamEvent,
  type StreamState,
  type ToolCall,
} from "flask-llmstream";
import { Answer as Minified } from "flask-llmstream/min";

const options: AnswerOptions = {
  onText: (text) => text.toUpperCase(),
  onToolCalls: (calls: ToolCall[]) => calls.map((call) => call.function.name),
  headers: async () => ({ Authorization: "Bearer 1" }),
  fetch: (input, init) => fetch(input, init),
  signal: AbortSignal.timeout(1000),
  streams: new URL("https://example.org/streams/"),
};

const told: (state: StreamState) => string = (state) => {
  // @ts-expect-error only a failure has a code
  state.code;
  if (state.name === "loading") return String(state.progress?.toFixed(2));
  if (state.name === "failed") return state.code + (state.status ?? 0).toFixed();
  return state.name === "ended" ? state.reason : state.name;
};

export async function used(): Promise<void> {
  const answer = Answer.post("/v1/chat/completions", { prompt: "Hello" }, options);
  for await (const text of answer) text.length;
  for await (const text of answer.text()) text.length;
  for await (const event of answer.events()) event.data.length;
  const state: StreamState = await answer.finished;
  told(state);
  const kept: string | null = Answer.get(new URL("https://example.org/")).streamUrl;
  if (kept) LLMStream.attach(kept, { onState: told }).leave();
  Minified.post("/", {}).stop();
  for await (const { event, data, id } of postEvents(
    "/",
    {},
    { keepalive: true, headers: options.headers },
  ))
    `${event} ${data} ${id}`;
  const events: StreamEvent[] = new EventStreamDecoder({ maxEventLength: 10 }).feed(
    new Uint8Array(),
  );
  await new Typewriter((text) => text.length * events.length, { maxLag: 1 }).finish();
  new StreamFailure("No.", { code: "no" }).facts.retryAfter?.toFixed();
}

export function misused(answer: Answer): void {
  // @ts-expect-error the body is missing
  Answer.post("/v1/chat/completions");
  // @ts-expect-error an answer begins with post, get or attach
  new Answer("/v1/chat/completions", {});
  // @ts-expect-error a text is no number
  Answer.get("/", { onText: (text: number) => text });
  // @ts-expect-error there is no such option
  Answer.get("/", { onTextt: () => {} });
  // @ts-expect-error milliseconds are a number
  Answer.attach("/", { stall: "1" });
  // @ts-expect-error it may be null
  answer.streamUrl.length;
  // @ts-expect-error a decoder takes bytes
  new EventStreamDecoder().feed("data: 1\n\n");
}
