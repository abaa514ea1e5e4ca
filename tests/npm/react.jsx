import { StrictMode, createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { useAnswer } from "./useAnswer.jsx";

const url = "/v1/chat/completions";
const prompt = "Hello";

/** Asks when its button is clicked, or as it appears. */
function Question({ model, atOnce }) {
  const { text, state, ask, stop } = useAnswer(url);
  useEffect(() => {
    if (!atOnce) return;
    const task = setTimeout(ask, 0, { model, prompt });
    return () => clearTimeout(task);
  }, []);
  return createElement(
    "section",
    { id: model },
    createElement("p", null, text),
    createElement("i", null, state?.reason ?? state?.name ?? ""),
    createElement("button", { className: "ask", onClick: () => ask({ model, prompt }) }),
    createElement("button", { className: "stop", onClick: stop }),
  );
}

function Page() {
  const [isShown, setShown] = useState(true);
  const questions = [
    createElement(Question, { key: 1, model: "tells", atOnce: true }),
    createElement(Question, { key: 2, model: "waits" }),
  ];
  return createElement(
    "main",
    null,
    isShown && questions,
    createElement("button", { id: "hide", onClick: () => setShown(false) }),
  );
}

createRoot(document.querySelector("#root")).render(
  createElement(StrictMode, null, createElement(Page)),
);
