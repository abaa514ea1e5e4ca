// A client's script tells what the client gave its user: one line of JSON for each scene.
// A row is an object; its functions are its cells, and take the name of the model that is asked.

const { APP, UPSTREAM } = process.env;
export const baseURL = `${APP}/v1`;
export const apiKey = "any";
const MODELS = { own: APP, relay: UPSTREAM };

const WEATHER = { Paris: "21 °C", Rome: "18 °C" };
export const weatherIn = ({ city }) => WEATHER[city];
const schema = (properties) => ({
  type: "object", properties, required: Object.keys(properties), additionalProperties: false,
});
export const CITY = schema({ city: { type: "string" } });
export const PERSON = schema({ name: { type: "string" }, age: { type: "integer" } });
export const WEATHER_TOOL = {
  type: "function", function: { name: "get_weather", description: "The weather.", parameters: CITY },
};

/** Run all cells of the rows with each model. */
export async function tell(...rows) {
  for (const { name, ...cells } of rows) {
    for (const model of Object.keys(MODELS)) {
      for (const [cell, ask] of Object.entries(cells)) {
        const told = await ask(model).then((value) => ({ value }), (error) => ({ failed: described(error) }));
        console.log(JSON.stringify({ row: name, model, cell, ...told }));
      }
    }
  }
}

/** The error that the client rejects with, as its user sees it. */
export const errorOf = (ask) => ask().then((got) => ({ class: null, got }), described);

const SHOWN = { status: "status", statusCode: "status", code: "code", param: "param", type: "type",
  requestID: "request_id" };

/** The members that the client's users look at. */
export function described(error) {
  const told = { class: error?.constructor?.name ?? typeof error, message: String(error?.message ?? error).slice(0, 400) };
  for (const [member, name] of Object.entries(SHOWN)) {
    if (error && typeof error === "object" && member in error) told[name] = error[member];
  }
  return told;
}

/** A word, and the prompt of a slow answer with it. */
export function slowScene() {
  const word = Math.random().toString(16).slice(2, 10);
  return [word, `scene:slow ${word}`];
}

/** Milliseconds from now, when the client has left, to the end of the slow answer. */
export async function left(model, word) {
  const now = Number(process.hrtime.bigint()) / 1e6;
  const answer = await fetch(`${MODELS[model]}/ended/${word}`);
  return Math.round(((await answer.json()).at * 1000 - now) * 10) / 10;
}
