// A page with `useChat`, without React around it: what React would keep is kept in plain members.

/** @param options those of `Chat`, and the `messages` that the page has. */
export function newPage(sdk, { messages = [], ...options }) {
  const state = {
    status: "ready", error: undefined, messages,
    pushMessage(message) { state.messages = state.messages.concat(message); },
    popMessage() { state.messages = state.messages.slice(0, -1); },
    replaceMessage(index, message) { state.messages = state.messages.with(index, structuredClone(message)); },
    snapshot: (thing) => structuredClone(thing),
  };
  class Page extends sdk.AbstractChat {}
  return new Page({ ...options, state });
}

export const textIn = (message) => joined(message, "text");
export const joined = (message, type) =>
  message.parts.filter((part) => part.type === type).map((part) => part.text).join("");

/** Wait until something is so. */
export async function until(isSo) {
  while (!isSo()) await new Promise((go) => setTimeout(go, 5));
}
