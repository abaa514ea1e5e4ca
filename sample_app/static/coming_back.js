/** Which answer a page shows when it comes: its tab's own after a reload, else the one that runs. */

const MEMORY = "answer";

/**
 * Keep in this tab what leads back to an answer; `null`: nothing does any more.
 *
 * @param {{url: string, question: object} | null} answer
 */
export function remember(answer) {
  const kept = JSON.stringify(answer);
  try {
    if (answer === null) sessionStorage.removeItem(MEMORY);
    else if (sessionStorage.getItem(MEMORY) !== kept) sessionStorage.setItem(MEMORY, kept);
  } catch {
    // The browser keeps nothing for this page. The server's list may still have the answer.
  }
}

/** What `remember` has kept, or `null`. */
export function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(MEMORY));
  } catch {
    return null;
  }
}

/**
 * The newest answer that the server writes for this visitor, or `null`.
 *
 * @param {URL} streams the list of them
 * @returns {Promise<{url: string, model?: string} | null>}
 */
export async function running(streams) {
  const response = await fetch(streams);
  if (!response.ok) return null;
  const { data } = await response.json();
  const [newest] = data.sort((one, other) => other.created - one.created);
  return newest ? { url: `${streams}/${newest.id}`, model: newest.model } : null;
}
