import { Answer } from "flask-llmstream";

const page = document.querySelector("#answer");
for await (const text of Answer.post("/v1/chat/completions", { model: "tells", prompt: "Hello" }))
  page.append(text);
page.append(".");
