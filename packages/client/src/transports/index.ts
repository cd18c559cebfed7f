/** The transports by name, in the order in which they are tried. */
import type { Transport, TransportOptions } from "../transport.js";
import { Polling } from "./polling.js";
import { WS } from "./websocket.js";
import { WT } from "./webtransport.js";

/** A class of transports; its prototype has the `name`. */
export interface TransportCtor {
  new (options: any): Transport;
  prototype: Transport;
}

export const transports: Record<string, TransportCtor> = {
  polling: Polling,
  websocket: WS,
  webtransport: WT,
};

export { Polling, WS, WT };
export type { Transport, TransportOptions };
