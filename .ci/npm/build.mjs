/** Packs the browser client for npm: node .ci/npm/build.mjs TOOLS OUTPUT. Prints its sizes in bytes. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const root = resolve(import.meta.dirname, "../..");
const [tools, output] = process.argv.slice(2).map((path) => resolve(path));
const module = join(root, "flask_llmstream/static/llmstream.js");

function tool(name, args, options = {}) {
  return execFileSync(join(tools, "node_modules/.bin", name), args, {
    encoding: "utf8",
    ...options,
  });
}

/** The module, or what importing one of its names brings, minified. */
function minified(name) {
  const names = name ? `{ ${name} }` : "*";
  const input = `export ${names} from ${JSON.stringify(module)}`;
  return tool("esbuild", ["--bundle", "--minify", "--format=esm"], { input, cwd: root });
}

function sizeOf(code) {
  return { minified: Buffer.byteLength(code), gzip: gzipSync(code, { level: 9 }).length };
}

/** The manifest with the version of the Python package, without what only builds and tests need. */
function manifest() {
  const { devDependencies, ...kept } = JSON.parse(
    readFileSync(join(import.meta.dirname, "package.json")),
  );
  const python = readFileSync(join(root, "flask_llmstream/__init__.py"), "utf8");
  const [, version] = /^__version__ = "(.+)"$/m.exec(python);
  return JSON.stringify({ name: kept.name, version, ...kept }, null, 2);
}

/** The page of the documentation. Its links to other pages have no place to lead to. */
function readme() {
  const page = readFileSync(join(root, "docs/browser.md"), "utf8");
  return page.replaceAll(/\[([^\]]+)\]\((?!https?:|#)[^)]*\)/g, "$1");
}

const folder = mkdtempSync(join(tmpdir(), "npm-package-"));
try {
  copyFileSync(module, join(folder, "llmstream.js"));
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "llmstream.min.js"), minified());
  writeFileSync(join(folder, "package.json"), manifest());
  writeFileSync(join(folder, "README.md"), readme());
  const types = ["--allowJs", "--checkJs", "--strict", "--declaration", "--emitDeclarationOnly"];
  const target = ["--target", "es2022", "--lib", "es2022,dom,dom.asynciterable", "--types", ""];
  tool("tsc", [...types, ...target, "--outDir", folder, join(folder, "llmstream.js")], {
    stdio: "inherit",
  });
  mkdirSync(output, { recursive: true });
  const packed = ["pack", "--silent", "--pack-destination", output];
  const name = execFileSync("npm", packed, { cwd: folder, encoding: "utf8" }).trim();
  const imports = ["Answer", "postEvents", "EventStreamDecoder", "Typewriter"];
  const sizes = Object.fromEntries(imports.map((name) => [name, sizeOf(minified(name))]));
  console.log(
    JSON.stringify({ package: join(output, name), whole: sizeOf(minified()), ...sizes }, null, 2),
  );
} finally {
  rmSync(folder, { recursive: true });
}
