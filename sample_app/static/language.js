/** The languages that the sample application's pages are written in, and the choice between them. */

/**
 * The first of a visitor's languages that the pages are written in; English where there is none.
 *
 * A region that says no script has the one that is usual there: `zh-SG` is Simplified, `zh-HK`
 * Traditional.
 *
 * @param {readonly string[]} languages tags by BCP 47, the most wanted first
 * @returns {"en" | "zh-Hans" | "zh-Hant"}
 */
export function language(languages = navigator.languages) {
  return languages.map(written).find(Boolean) ?? "en";
}

/** The language that fits a tag, if the pages are written in it. */
function written(tag) {
  const { language: name, script } = locale(tag);
  if (name === "en") return name;
  return name === "zh" ? `zh-${script === "Hant" ? "Hant" : "Hans"}` : undefined;
}

function locale(tag) {
  try {
    return new Intl.Locale(tag).maximize();
  } catch {
    return {}; // no tag by BCP 47; a browser may be set to anything
  }
}
