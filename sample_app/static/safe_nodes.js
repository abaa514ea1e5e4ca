/**
 * HTML as safe nodes.
 *
 * Three walls stand between a model's words and the page: HTML in them is shown as text
 * (`markdown.js`), DOMPurify lets only these tags and attributes pass, and the page's
 * Content-Security-Policy runs and loads nothing from elsewhere.
 */

import { words } from "./words.js";
import DOMPurify from "./vendor/dompurify/purify.es.mjs";

const SAFE = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"],
    ...["strong", "em", "del", "a", "code", "pre"],
    ...["table", "thead", "tbody", "tr", "th", "td"],
  ],
  ALLOWED_ATTR: ["href", "title", "start", "align"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(https?|mailto):/i,
  ADD_URI_SAFE_ATTR: ["start", "align"], // their values are no addresses
  RETURN_DOM_FRAGMENT: true,
};

const purifier = DOMPurify();
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A" || !node.hasAttribute("href")) return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

/** @param {string} html @returns {DocumentFragment} */
export function safeNodes(html) {
  const fragment = purifier.sanitize(html, SAFE);
  for (const pre of fragment.querySelectorAll("pre")) addCopyButton(pre);
  for (const table of fragment.querySelectorAll("table")) makeScrollable(table);
  for (const item of fragment.querySelectorAll("li"))
    if (/^\s*[☑☐]/.test(item.textContent)) item.className = "task";
  return fragment;
}

function addCopyButton(pre) {
  const box = Object.assign(document.createElement("div"), { className: "code" });
  pre.tabIndex = 0; // so that the keys can scroll it
  pre.replaceWith(box);
  box.append(pre);
  if (!navigator.clipboard) return; // over plain HTTP from another machine
  const button = { type: "button", className: "quiet copy-code", textContent: words.copy };
  box.append(Object.assign(document.createElement("button"), button));
}

function makeScrollable(table) {
  const box = Object.assign(document.createElement("div"), { className: "wide", tabIndex: 0 });
  table.replaceWith(box);
  box.append(table);
}
