// The service's side of a camera: a frame goes, its opacity comes back, one at a time.

import { word } from "../words.js";

/** The service refused, or is gone; its words are the message. */
export class Ended extends Error {}

export class Link {
  /** Opens it; `parameters` are those of `/api/live`. Throws `Ended` if there is no place. */
  static async open(parameters) {
    const address = new URL(`api/live?${new URLSearchParams(parameters)}`, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const link = new Link(new WebSocket(address));
    link.limits = JSON.parse(await link.#next());
    return link;
  }

  constructor(socket) {
    this.socket = Object.assign(socket, { binaryType: "blob" });
    this.ended = null; // why, once it is
    this.waiting = null;
    socket.onmessage = ({ data }) => this.#came(data);
    socket.onclose = () => this.#end(word("unreachable"));
  }

  /** The opacity of a frame, as a PNG. */
  async matte(frame) {
    if (!this.ended) this.socket.send(frame);
    return this.#next();
  }

  close() {
    this.#end("");
    this.socket.close();
  }

  #next() {
    return new Promise((resolve, reject) => {
      if (this.ended) reject(this.ended);
      else this.waiting = { resolve, reject };
    });
  }

  #came(data) {
    const error = typeof data === "string" && JSON.parse(data).error;
    if (error) return this.#end(error.code === "busy" ? word("camera_busy") : error.message);
    this.waiting?.resolve(data);
    this.waiting = null;
  }

  #end(message) {
    this.ended ??= new Ended(message);
    this.waiting?.reject(this.ended);
    this.waiting = null;
  }
}
