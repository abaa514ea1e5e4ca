/** The modules of the sample application's page that need no browser. */

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Browsers know a module by its script tag; older node would take a bare ".js" for CommonJS. */
const site = await mkdtemp(join(tmpdir(), "page-"));
const folder = join(site, "static");
await cp(here("../../sample_app/static"), folder, { recursive: true });
await cp(here("../../flask_llmstream/static"), join(site, "v1"), { recursive: true });
await writeFile(join(site, "package.json"), '{ "type": "module" }');

// node 20 has no languages, which the page's words are chosen by.
globalThis.navigator ??= { languages: ["en"] };

export const { Conversation } = await import(join(folder, "conversation.js"));
export const { WORDS, told, toldEnd } = await import(join(folder, "words.js"));
export const { closed, htmlOf, settledLength } = await import(join(folder, "markdown.js"));
export const { Reading } = await import(join(folder, "reading.js"));
await rm(site, { recursive: true });
