/** Keeps the latest words in sight, as long as the reader stays at the end of the page. */

const NEAR = 64;

export class Following {
  #isAtEnd = true;

  /**
   * @param {HTMLElement} content the part of the page that grows
   * @param {HTMLElement} button leads back to the end
   * @param {() => boolean} isWanted whether it grows because of an answer
   */
  constructor(content, button, isWanted) {
    new ResizeObserver(() => isWanted() && this.stay()).observe(content);
    const look = () => {
      this.#isAtEnd = isAtEnd();
      button.hidden = this.#isAtEnd;
    };
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", () => this.stay()); // a phone's keyboard comes
    button.addEventListener("click", () => this.start());
  }

  /** Go to the end, and stay there. */
  start() {
    this.#isAtEnd = true;
    toEnd();
  }

  /** Stay at the end, if the reader is there. */
  stay() {
    if (this.#isAtEnd) toEnd();
  }
}

function isAtEnd() {
  const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
  return scrollTop + clientHeight >= scrollHeight - NEAR;
}

function toEnd() {
  window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}
