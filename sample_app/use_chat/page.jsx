// A chat with the sample app. Its model `weather` calls a tool that this page runs. A page that is
// reloaded, and another tab, go on with the answer that is being made.

import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, generateId, lastAssistantMessageIsCompleteWithToolCalls } from "ai";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const API = "/v1/chat/ui";
const model = new URLSearchParams(location.search).get("model") ?? "weather";
const transport = new DefaultChatTransport({ api: API, body: { model } });
const WEATHER = { Paris: "21 °C, sunny", Rome: "18 °C, rain" };

const { id, messages: saved } = JSON.parse(localStorage.getItem("chat")) ?? { id: generateId(), messages: [] };

function Chat() {
  const { messages, sendMessage, addToolOutput, regenerate, stop, status, error } = useChat({
    id,
    messages: saved,
    resume: true,
    transport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    onToolCall({ toolCall: { toolCallId, toolName: tool, input } }) {
      addToolOutput({ tool, toolCallId, output: WEATHER[input.city] ?? "15 °C, cloudy" });
    },
  });
  const busy = status === "submitted" || status === "streaming";
  useEffect(() => { // half an answer is not saved: it comes again from its start
    if (status !== "streaming") localStorage.setItem("chat", JSON.stringify({ id, messages }));
  }, [status, messages]);
  const end = () => { // `stop` alone closes the connection, and the answer goes on
    stop();
    fetch(`${API}/${id}/stream`, { method: "DELETE" });
  };
  return (
    <main>
      <h1>useChat, answered by Flask-LLMStream</h1>
      {messages.map((message) => <Message key={message.id} {...message} />)}
      {error && <p role="alert">{error.message}</p>}
      <Question ask={(text) => sendMessage({ text })} busy={busy} />
      <p className="state">
        <output>{status}</output>
        <button onClick={() => regenerate()} disabled={busy || !messages.length}>Again</button>
        <button onClick={end} disabled={!busy}>Stop</button>
      </p>
    </main>
  );
}

function Message({ role, parts }) {
  return <article className={role}>{parts.map((part, index) => <Part key={index} {...part} />)}</article>;
}

function Part({ type, text, state, input, output, errorText }) {
  if (type === "text") return <p>{text}</p>;
  if (type === "reasoning") return <p className="reasoning">{text}</p>;
  if (!type.startsWith("tool-")) return null;
  return (
    <dl className="tool">
      <dt>{type.slice("tool-".length)}({JSON.stringify(input)})</dt>
      <dd>{output ?? errorText ?? "…"} <small>{state}</small></dd>
    </dl>
  );
}

function Question({ ask, busy }) {
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    ask(text);
    setText("");
  };
  return (
    <form onSubmit={submit}>
      <input value={text} onChange={(event) => setText(event.target.value)} aria-label="Your question" autoFocus />
      <button disabled={busy || !text}>Ask</button>
    </form>
  );
}

createRoot(document.getElementById("root")).render(<Chat />);
