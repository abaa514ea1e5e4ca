// The state of a conversation on the sample application's page.
import assert from "node:assert/strict";
import test from "node:test";

import { Conversation } from "./page_modules.mjs";

const MODEL = "m";
const MOST = 100_000;

/** A conversation with these questions, each with an answer. */
function talk(...turns) {
  const conversation = new Conversation();
  for (const [question, text] of turns) {
    const end = { name: "ended", reason: "complete" };
    Object.assign(conversation.ask(question, MODEL), { text, end });
  }
  return conversation;
}

function questions({ exchanges }) {
  return exchanges.map(({ question }) => question);
}

test("a question is running until its answer has an end", () => {
  const conversation = new Conversation();
  const exchange = conversation.ask("why?", MODEL);
  assert.equal(conversation.running, exchange);
  exchange.end = { name: "failed", reason: "" };
  assert.equal(conversation.running, undefined);
});

test("a model is sent all that was said before, and the question", () => {
  const conversation = talk(["a?", "A."], ["b?", "B."]);
  assert.deepEqual(conversation.messagesFor(conversation.ask("c?", MODEL)), [
    { role: "user", content: "a?" },
    { role: "assistant", content: "A." },
    { role: "user", content: "b?" },
    { role: "assistant", content: "B." },
    { role: "user", content: "c?" },
  ]);
});

test("a question without an answer is left out, so that both take turns", () => {
  const conversation = talk(["a?", ""], ["b?", " \n"], ["c?", "C."]);
  const messages = conversation.messagesFor(conversation.ask("d?", MODEL));
  assert.deepEqual(messages.map(({ content }) => content), ["c?", "C.", "d?"]);
});

test("a question that is asked anew takes its place, and drops what follows", () => {
  const conversation = talk(["a?", "A."], ["b?", "B."], ["c?", "C."]);
  const { id } = conversation.exchanges[1];
  conversation.ask("other?", MODEL, id);
  assert.deepEqual(questions(conversation), ["a?", "other?"]);
  assert.notEqual(conversation.exchanges[1].id, id);
});

test("a question whose place is gone comes last", () => {
  const conversation = talk(["a?", "A."]);
  conversation.ask("b?", MODEL, "gone");
  assert.deepEqual(questions(conversation), ["a?", "b?"]);
});

test("what is written is read again", () => {
  const conversation = talk(["a?", "A."]);
  const exchange = conversation.ask("b?", "");
  exchange.url = "http://127.0.0.1/v1/chat/streams/x";
  assert.deepEqual(Conversation.read(conversation.written(MOST)), conversation);
});

test("of a conversation that is too long the oldest questions go first", () => {
  const conversation = talk(["a?", "A".repeat(400)], ["b?", "B".repeat(400)], ["c?", "C."]);
  const most = JSON.stringify(conversation.exchanges.slice(1)).length;
  assert.deepEqual(questions(Conversation.read(conversation.written(most))), ["b?", "c?"]);
  assert.deepEqual(questions(Conversation.read(conversation.written(10))), []);
  assert.equal(conversation.exchanges.length, 3);
});

const OTHERS = [null, "", "{", "null", "[]", "7", '{"id": 7, "exchanges": []}', '{"id": "a"}'];

for (const json of OTHERS) {
  test(`${JSON.stringify(json)} is no conversation`, () => {
    assert.equal(Conversation.read(json), null);
  });
}

test("an exchange of another form is left out, or gets what it lacks", () => {
  const others = [null, 7, {}, { id: "a" }, { id: "a", question: 7 }];
  const exchanges = [...others, { id: "b", question: "b?" }];
  const { exchanges: read } = Conversation.read(JSON.stringify({ id: "x", exchanges }));
  assert.deepEqual(read, [
    {
      ...{ id: "b", question: "b?", model: "", text: "", reasoning: "" },
      ...{ isRefusal: false, calls: [], url: null, end: null },
    },
  ]);
});

test("members of another type get their first value", () => {
  const odd = { model: [], text: 7, reasoning: null, isRefusal: "no", calls: [7, "a()"] };
  const exchange = { id: "a", question: "a?", ...odd, url: {}, end: "over" };
  const [read] = Conversation.read(JSON.stringify({ id: "x", exchanges: [exchange] })).exchanges;
  assert.deepEqual(read.calls, ["a()"]);
  assert.deepEqual([read.model, read.text, read.reasoning], ["", "", ""]);
  assert.deepEqual([read.isRefusal, read.url, read.end], [false, null, null]);
});
