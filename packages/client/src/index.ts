/**
 * `io()`: the entry for browsers and everything that is like one.
 *
 * A second call for the same server shares the connection of the first, unless it asks for one of its own or for a namespace
 * that the connection already has.
 */
import type { DefaultEventsMap } from "./emitter.js";
import { Manager } from "./manager.js";
import type { ManagerOptions, SocketOptions } from "./options.js";
import { protocol } from "./protocol.js";
import { Socket } from "./socket.js";
import { decodeQuery, resolveUrl } from "./url.js";

type Options = Partial<ManagerOptions & SocketOptions>;

/** `io` and what hangs on it. */
export interface Lookup {
  /** Connects to the server that the page came from. */
  (opts?: Options): Socket<DefaultEventsMap, DefaultEventsMap>;
  /** Connects to a server; the path of the address is the namespace. */
  (uri?: string, opts?: Options): Socket<DefaultEventsMap, DefaultEventsMap>;
  (uri?: string | Options, opts?: Options): Socket<DefaultEventsMap, DefaultEventsMap>;
  io: Lookup;
  connect: Lookup;
  lookup: Lookup;
  Manager: typeof Manager;
  Socket: typeof Socket;
  protocol: number;
}

/** The managers that can be shared, by address and path. */
const cache: Record<string, Manager> = {};

const lookup = ((uri?: string | Options, opts?: Options) => {
  if (uri && typeof uri == "object") {
    opts = uri;
    uri = undefined;
  }
  opts ||= {};
  const url = resolveUrl(uri);
  const [source, , , , path, query] = url;
  // Protocol, host and port.
  const id = url.slice(1, 4) + (opts.path || "/socket.io");
  const own =
    opts.forceNew || (opts as any)["force new connection"] || opts.multiplex === false || cache[id]?.nsps[path];
  const io = own ? new Manager(source, opts) : (cache[id] ||= new Manager(source, opts));
  if (query && !opts.query) opts.query = decodeQuery(query);
  return io.socket(path, opts);
}) as Lookup;

Object.assign(lookup, { io: lookup, connect: lookup, lookup, Manager, Socket, protocol });

export { lookup as default, lookup as io, lookup as connect, Manager, Socket, protocol };
export { Polling as Fetch, Polling as XHR, Polling as NodeXHR, WS as WebSocket, WS as NodeWebSocket, WT as WebTransport } from "./transports/index.js";
export { Transport } from "./transport.js";
export type { TransportError, TransportOptions, CloseDetails } from "./transport.js";
export type { TransportCtor } from "./transports/index.js";
export type { Auth, EngineOptions, ManagerOptions, SocketOptions } from "./options.js";
export type { AllButLast, DecorateAcknowledgements, FirstArg, Last } from "./ack-types.js";
export type { DisconnectDescription } from "./socket.js";
export type { DefaultEventsMap, EventNames, EventParams, EventsMap } from "./emitter.js";
