// Runs of AG-UI's own client, which refuses events in a wrong order. Each scene is a line of JSON.

import { HttpAgent } from "@ag-ui/client";

console.warn = (text) => console.log(JSON.stringify({ warning: String(text) }));
console.error = () => {};

const TOOLS = [{ name: "weather", description: "The weather", parameters: { type: "object" } }];
const CONTEXT = [{ description: "The user", value: "Ann" }];

function agentFor(path, question) {
  const initialMessages = [{ id: "1", role: "user", content: question }];
  return new HttpAgent({ url: process.env.APP + path, initialMessages });
}

async function run(agent, { parameters = {}, until = () => false } = {}) {
  const told = { events: [] };
  const onEvent = ({ event }) => {
    told.events.push(event);
    if (until(event)) agent.abortRun();
  };
  try {
    const { result, newMessages } = await agent.runAgent(parameters, { onEvent });
    Object.assign(told, { result, messages: newMessages, state: agent.state });
  } catch (error) {
    Object.assign(told, { status: error.status, payload: error.payload, error: error.message });
  }
  return told;
}

function tell(scene, told) {
  console.log(JSON.stringify({ scene, ...told }));
}

async function tools() {
  const agent = agentFor("/v1/ag-ui", "the weather?");
  const parameters = { tools: TOOLS, context: CONTEXT, forwardedProps: { model: "model" } };
  tell("calls", await run(agent, { parameters }));
  for (const call of agent.messages.at(-1).toolCalls) {
    const id = `result of ${call.id}`;
    agent.addMessage({ id, role: "tool", toolCallId: call.id, content: "sunny" });
  }
  tell("result", await run(agent, { parameters }));
}

await tools();
for (const question of ["be busy", "break"]) {
  tell(question, await run(agentFor("/v1/ag-ui", question)));
}
const until = (event) => event.type === "TEXT_MESSAGE_CONTENT";
tell("abort", await run(agentFor("/v1/ag-ui", "be silent"), { until }));
tell("agent", await run(agentFor("/agent", "search")));
