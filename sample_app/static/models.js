/**
 * The models of the server, and what they are.
 *
 * @typedef {object} Model
 * @property {string} id its name
 * @property {"chat" | "tools" | "counter"} kind `chat` answers a conversation, `tools` calls a
 *   tool, `counter` counts
 */

/** @returns {Promise<Model[]>} */
export async function readModels() {
  const response = await fetch(new URL("models.json", document.baseURI));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}
