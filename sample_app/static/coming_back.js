/**
 * The conversations that this browser keeps. A tab goes on with its own after a reload, a new tab
 * with the newest one; tabs with the same conversation see each other's changes.
 */

import { Conversation } from "./conversation.js";

const OURS = "conversation";
const PREFIX = "conversation:";
const MOST_CHARACTERS = 400_000;
const MOST_CONVERSATIONS = 10;

/** Keep a conversation. Where the browser keeps nothing, it lives as long as the page. */
export function remember(conversation) {
  const { id } = conversation;
  try {
    sessionStorage.setItem(OURS, id);
    store(PREFIX + id, dated(conversation.written(MOST_CHARACTERS)));
    for (const old of newest().slice(MOST_CONVERSATIONS)) localStorage.removeItem(old);
  } catch (error) {
    console.info("The browser keeps no conversation.", error);
  }
}

/** Store a conversation. Where there is no room for it, the oldest ones go. */
function store(key, item) {
  const others = newest().filter((other) => other !== key);
  for (;;) {
    try {
      return localStorage.setItem(key, item);
    } catch (error) {
      if (others.length === 0) throw error;
      localStorage.removeItem(others.pop());
    }
  }
}

/** The conversation that a page shows when it comes: a new one if nothing is kept. */
export function remembered() {
  try {
    const key = PREFIX + sessionStorage.getItem(OURS);
    const [latest] = newest();
    const items = [key, latest].map((each) => localStorage.getItem(each));
    return kept(items[0]) ?? kept(items[1]) ?? new Conversation();
  } catch {
    return new Conversation();
  }
}

/**
 * Call a function with each conversation that another tab has kept.
 *
 * @param {(conversation: Conversation) => void} changed
 */
export function watch(changed) {
  window.addEventListener("storage", ({ key, newValue }) => {
    const conversation = key?.startsWith(PREFIX) && kept(newValue);
    if (conversation) changed(conversation);
  });
}

/**
 * The newest answer that the server writes for this visitor, and that no kept conversation has;
 * `null` where there is none.
 *
 * @param {URL} streams the list of them
 * @returns {Promise<string | null>} the answer's address
 */
export async function running(streams) {
  const response = await fetch(streams);
  if (!response.ok) return null;
  const { data } = await response.json();
  const others = newest().map((key) => localStorage.getItem(key));
  const [latest] = data
    .filter(({ id }) => !others.some((item) => item.includes(id)))
    .sort((one, other) => other.created - one.created);
  return latest ? `${streams}/${latest.id}` : null;
}

/* The time of the last change stands before the JSON. */

function dated(json) {
  return `${Date.now()} ${json}`;
}

function kept(item) {
  return item ? Conversation.read(item.slice(item.indexOf(" ") + 1)) : null;
}

/** The keys of the conversations, the newest first. */
function newest() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const times = new Map(keys.map((key) => [key, parseInt(localStorage.getItem(key))]));
  return keys.sort((one, other) => times.get(other) - times.get(one));
}
