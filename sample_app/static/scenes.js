/** Behind the scenes: the state of the last answer, its speed, and what the wire said. */

import { told, words } from "./words.js";

const FRAMES_KEPT = 200;

export class Scenes {
  #page;
  #run = newRun(true);
  #isAsked = false;

  /** @param {Record<string, HTMLElement>} page the elements by their IDs */
  constructor(page) {
    this.#page = page;
    page.scenes.addEventListener("toggle", () => this.#paint());
    this.show({ name: "idle" });
  }

  /** How the next question is sent. @returns {"post" | "get"} */
  get method() {
    return this.#page["method-post"].checked ? "post" : "get";
  }

  /**
   * @param {boolean} isTimed whether what comes is as fast as the model; what was written before
   *   comes at once
   */
  begin(isTimed) {
    this.#run = newRun(isTimed);
    this.#paint();
  }

  show(state) {
    this.#page.state.dataset.state = state.name;
    this.#page.state.textContent = told(state);
  }

  /** One piece of the answer has come. */
  count() {
    if (!this.#run.isTimed) return;
    this.#run.lastAt = performance.now();
    this.#run.firstAt ||= this.#run.lastAt;
    this.#run.pieces += 1;
    this.#ask();
  }

  /** Keep the blocks of the stream, as they came. */
  keepBytes(bytes) {
    const run = this.#run;
    const blocks = (run.rest + run.utf8.decode(bytes, { stream: true })).split("\n\n");
    run.rest = blocks.pop();
    for (const block of blocks) this.#keep(block + "\n\n");
  }

  #keep(block) {
    this.#run.frameCount += 1;
    this.#run.frames.push(block);
    if (this.#run.frames.length > FRAMES_KEPT) this.#run.frames.shift();
    this.#ask();
  }

  /** Paint, at most once a frame. */
  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#paint();
    });
  }

  #paint() {
    const page = this.#page;
    if (!page.scenes.open) return;
    const { startedAt, firstAt, lastAt, pieces, frames, frameCount } = this.#run;
    const seconds = (lastAt - firstAt) / 1000;
    page.ttft.textContent = firstAt ? duration(firstAt - startedAt) : "–";
    page.rate.textContent = seconds ? ((pieces - 1) / seconds).toFixed(1) : "–";
    page["frame-count"].textContent = frameCount ? words.framesKept(frames.length, frameCount) : "";
    this.#paintFrames();
  }

  #paintFrames() {
    const { frames } = this.#page;
    const atEnd = frames.scrollTop + frames.clientHeight >= frames.scrollHeight - 8;
    frames.textContent = this.#run.frames.join("");
    if (atEnd) frames.scrollTop = frames.scrollHeight;
  }
}

function newRun(isTimed) {
  const startedAt = performance.now();
  const counts = { startedAt, firstAt: 0, lastAt: 0, pieces: 0, frameCount: 0, isTimed };
  return { ...counts, frames: [], rest: "", utf8: new TextDecoder() };
}

function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
