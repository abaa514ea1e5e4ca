// How the sample application's page keeps what an answer says in its exchange.
import assert from "node:assert/strict";
import test from "node:test";

import { Conversation, Reading } from "./page_modules.mjs";

/** A reading whose answer says what the test says, and what its page was told. */
function reading(known = {}) {
  const exchange = Object.assign(new Conversation().ask("why?", ""), known);
  const told = [];
  const listener = {
    onWords: (kind, words) => told.push(`${kind}: ${words}`),
    onRestart: (kind) => told.push(`${kind} anew`),
    onCalls: () => told.push("calls"),
    onState: ({ name }) => told.push(name),
  };
  const answer = { state: { name: "connecting" }, streamUrl: null, leave() {} };
  let says;
  const read = new Reading(exchange, listener, true, (handlers) => {
    says = handlers;
    return answer;
  });
  return { exchange, told, answer, says, read };
}

test("the words are added to the exchange", () => {
  const { exchange, told, says } = reading();
  says.onReasoning("Hm.");
  says.onText("A ");
  says.onText("keeper.");
  assert.deepEqual([exchange.reasoning, exchange.text], ["Hm.", "A keeper."]);
  assert.deepEqual(told, ["connecting", "reasoning: Hm.", "text: A ", "text: keeper."]);
});

test("what is read again from its start is passed on where it is new", () => {
  const { exchange, told, says } = reading({ text: "A keep" });
  for (const words of ["A ", "kee", "per", "."]) says.onText(words);
  assert.equal(exchange.text, "A keeper.");
  assert.deepEqual(told, ["connecting", "text: er", "text: ."]);
});

test("what is read again as something else comes anew", () => {
  const { exchange, told, says } = reading({ text: "A keeper" });
  for (const words of ["A ", "sailor", "."]) says.onText(words);
  assert.equal(exchange.text, "A sailor.");
  assert.deepEqual(told, ["connecting", "text anew", "text: A sailor", "text: ."]);
});

test("a refusal is a text, and marked", () => {
  const { exchange, says } = reading();
  says.onRefusal("No.");
  assert.deepEqual([exchange.text, exchange.isRefusal], ["No.", true]);
});

test("calls are kept as they are shown", () => {
  const { exchange, says } = reading();
  says.onToolCalls([{ function: { name: "light", arguments: "{}" } }]);
  assert.deepEqual(exchange.calls, ["light({})"]);
});

test("the address of the answer is known from its first state on, until the end", () => {
  const { exchange, answer, says } = reading();
  answer.streamUrl = "http://x/1";
  says.onState({ name: "waiting" });
  assert.equal(exchange.url, "http://x/1");
  says.onState({ name: "ended", reason: "length", usage: { completion_tokens: 200 } });
  assert.equal(exchange.url, null);
  assert.deepEqual(exchange.end, { name: "ended", reason: "length", tokens: 200 });
});

for (const usage of [null, {}, { completion_tokens: null }, { completion_tokens: "7" }]) {
  test(`a usage of ${JSON.stringify(usage)} has no number of tokens`, () => {
    const { exchange, says } = reading();
    says.onState({ name: "ended", reason: "complete", usage });
    assert.deepEqual(exchange.end, { name: "ended", reason: "complete" });
  });
}

test("an answer that is left stays as it is", () => {
  const { exchange, told, says, read } = reading({ url: "http://x/1" });
  says.onText("A keep");
  read.leave();
  says.onText("er.");
  says.onState({ name: "ended", reason: "left", usage: null });
  assert.deepEqual([exchange.text, exchange.url, exchange.end], ["A keep", "http://x/1", null]);
  assert.deepEqual(told, ["connecting", "text: A keep"]);
});
