/** The modules of the sample application's page that need no browser. */

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const STATIC = fileURLToPath(new URL("../../sample_app/static", import.meta.url));

/** Browsers know a module by its script tag; older node would take a bare ".js" for CommonJS. */
const folder = await mkdtemp(join(tmpdir(), "page-"));
await cp(STATIC, folder, { recursive: true });
await writeFile(join(folder, "package.json"), '{ "type": "module" }');

// node 20 has no languages, which the page's words are chosen by.
globalThis.navigator ??= { languages: ["en"] };

export const { Conversation } = await import(join(folder, "conversation.js"));
export const { WORDS, told, toldEnd } = await import(join(folder, "words.js"));
export const { closed, htmlOf, settledLength } = await import(join(folder, "markdown.js"));
await rm(folder, { recursive: true });
