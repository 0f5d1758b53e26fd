/** Frames to the gateway, one in flight at a time, over a socket that is opened again when it breaks. */

/** @typedef {import("../answers").FrameAnswer} FrameAnswer */
/** @typedef {import("./grabber.js").Grab} Grab */

const LEAST_WAIT = 500; // ms until a broken socket is opened again; twice as long each time
const MOST_WAIT = 5000; // ms
const BUSY_WAIT = 300; // ms after a frame that the server could not answer
const PATIENCE = 15_000; // ms for one answer; a phone that slept has a socket that says nothing

export class Frames {
  /** @type {WebSocket | null} */
  #socket = null;
  #wait = LEAST_WAIT;
  #number = 0;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} told
   * @param {string} told.query of the address, as of a search
   * @param {() => Promise<Grab | null>} told.grab the next frame; null if there is none yet
   * @param {(answer: FrameAnswer, frame: Grab) => void} told.answered
   * @param {(connected: boolean) => void} told.connected
   */
  constructor(told) {
    this.told = told;
    this.#open();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #open() {
    if (this.#closed) return;
    if (document.hidden) {
      this.#later(() => this.#open(), LEAST_WAIT);
      return;
    }
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/frames${this.told.query}`;
    const socket = new WebSocket(address);
    socket.onopen = () => {
      this.#wait = LEAST_WAIT;
      this.told.connected(true);
      this.#next(socket);
    };
    socket.onclose = () => {
      clearTimeout(this.#timer);
      if (this.#closed) return;
      this.told.connected(false);
      this.#later(() => this.#open(), this.#wait);
      this.#wait = Math.min(2 * this.#wait, MOST_WAIT);
    };
    this.#socket = socket;
  }

  /**
   * Send the next frame, and go on when its answer is there.
   * @param {WebSocket} socket
   */
  async #next(socket) {
    if (this.#closed) return;
    const frame = document.hidden ? null : await this.told.grab().catch(() => null);
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    if (!frame) {
      this.#later(() => this.#next(socket), 100);
      return;
    }
    const number = ++this.#number;
    socket.onmessage = ({ data }) => {
      const answer = /** @type {FrameAnswer} */ (JSON.parse(data));
      if (answer.frame !== number) return;
      clearTimeout(this.#timer);
      this.told.answered(answer, frame);
      if (answer.problem) this.#later(() => this.#next(socket), BUSY_WAIT);
      else this.#next(socket);
    };
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, number);
    socket.send(new Blob([head.buffer, frame.jpeg]));
    this.#later(() => socket.close(), PATIENCE);
  }

  /**
   * @param {() => void} act
   * @param {number} milliseconds
   */
  #later(act, milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, milliseconds);
  }
}
