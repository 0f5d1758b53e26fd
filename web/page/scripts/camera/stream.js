/** The phone's camera: opened, lit, zoomed, closed. */

/** @typedef {"insecure" | "denied" | "none"} Refusal why there is no picture */

/** No camera, and why. */
export class NoCamera extends Error {
  /** @param {Refusal} why */
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/** @typedef {MediaTrackCapabilities & {torch?: boolean, zoom?: {min: number, max: number, step: number}}} Abilities */

const WANTED = { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } };

/** A camera that is on. */
export class Camera {
  /** @param {MediaStream} stream */
  constructor(stream) {
    this.stream = stream;
    this.track = /** @type {MediaStreamTrack} */ (stream.getVideoTracks()[0]);
    this.abilities = /** @type {Abilities} */ (this.track.getCapabilities?.() ?? {});
  }

  /**
   * Switch the camera on.
   * @throws {NoCamera}
   */
  static async open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new NoCamera("insecure");
    try {
      return new Camera(await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false }));
    } catch (error) {
      throw new NoCamera(error instanceof DOMException && error.name === "NotAllowedError" ? "denied" : "none");
    }
  }

  /** @param {boolean} on */
  light(on) {
    return this.#set({ torch: on });
  }

  /** @param {number} factor */
  zoom(factor) {
    return this.#set({ zoom: factor });
  }

  close() {
    this.track.stop();
  }

  /** @param {object} settings that TypeScript's library does not know yet */
  async #set(settings) {
    await this.track.applyConstraints({ advanced: [/** @type {MediaTrackConstraintSet} */ (settings)] });
  }
}
