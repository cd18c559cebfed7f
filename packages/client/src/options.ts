/** The options, under the official names, with their defaults. Types only. */
import type { TransportCtor } from "./transports/index.js";

/** Options of the connection (Engine.IO). */
export interface EngineOptions {
  /**
   * Hears of everything that happens inside, to find out why something does not work: the name of the event, what comes with
   * it, and where it happened (a transport, the engine, the `Manager`, a `Socket`).
   */
  logger?: (event: string, args: any[], source: object) => void;
  /** Host to connect to. Default: the address's, or the page's. */
  host?: string;
  hostname?: string;
  port?: string | number;
  /** Whether to use TLS. Default: as the address, or the page, does. */
  secure?: boolean;
  /** Query parameters of every request. An address that has a query wins over them. */
  query?: { [key: string]: any };
  /** Path of the server. Default: "/socket.io". */
  path?: string;
  /** Whether the path ends with a slash. Default: true. */
  addTrailingSlash?: boolean;
  /** Transports by name or class, in the order in which they are tried. Default: all, polling first. */
  transports?: ("polling" | "websocket" | "webtransport" | (string & {}))[] | TransportCtor[];
  /** Classes of transports, instead of `transports`. */
  transportImplementations?: TransportCtor[];
  /** Whether the next transport is tried where one cannot connect. Default: false. */
  tryAllTransports?: boolean;
  /** Whether a better transport is looked for once connected. Default: true. */
  upgrade?: boolean;
  /** Whether WebSocket is tried first when it worked the last time. Default: false. */
  rememberUpgrade?: boolean;
  /** Whether binary travels as base64 on every transport. Default: false. */
  forceBase64?: boolean;
  /** Whether requests carry a unique parameter, so that nothing caches them. Default: those of polling. */
  timestampRequests?: boolean;
  /** Name of that parameter. Default: "t". */
  timestampParam?: string;
  /** Time-out of a polling request in milliseconds. Default: 0, none. */
  requestTimeout?: number;
  /** Options for single transports, by name. */
  transportOptions?: { [transport: string]: any };
  /** Headers: of polling requests in browsers, of every request on Node and React Native. */
  extraHeaders?: { [header: string]: string };
  /** Whether requests to other origins carry cookies. On Node: whether cookies are kept. Default: false. */
  withCredentials?: boolean;
  /** Whether the connection is closed, silently, when the page is left. Default: false. */
  closeOnBeforeunload?: boolean;
  /** Subprotocols of the WebSocket. */
  protocols?: string | string[];
  /** Whether timers are the ones from before anybody replaced `setTimeout`. Default: false. */
  useNativeTimers?: boolean;
  /** Node: whether the client lets the process end. Default: false. */
  autoUnref?: boolean;

  /** Node: agent of the requests. */
  agent?: any;
  /** Node: TLS. */
  pfx?: any;
  key?: any;
  passphrase?: string;
  cert?: any;
  ca?: any;
  ciphers?: string;
  rejectUnauthorized?: boolean;
  /** Node: compression of the WebSocket. */
  perMessageDeflate?: any;
}

/** Options of the `Manager`. */
export interface ManagerOptions extends EngineOptions {
  /** Whether a new connection is opened in any case. Default: false. */
  forceNew: boolean;
  /** Whether namespaces of one address share a connection. Default: true. */
  multiplex: boolean;
  path: string;
  /** Whether to reconnect. Default: true. */
  reconnection: boolean;
  /** How often, before giving up. Default: Infinity. */
  reconnectionAttempts: number;
  /** First delay in milliseconds; it doubles with every attempt. Default: 1000. */
  reconnectionDelay: number;
  /** Longest delay in milliseconds. Default: 5000. */
  reconnectionDelayMax: number;
  /** How much the delay varies, 0 to 1. Default: 0.5. */
  randomizationFactor: number;
  /** Time-out of a connection attempt in milliseconds, or false. Default: 20000. */
  timeout: number | false;
  /** Whether to connect at once. Default: true. */
  autoConnect: boolean;
  /** Another parser than the default one: `{ Encoder, Decoder }`. */
  parser: any;
}

/** What is sent when a namespace is joined: a value, or a function that is asked at every connection. */
export type Auth = { [key: string]: any } | ((cb: (data: object) => void) => void);

/** Options of a `Socket`. */
export interface SocketOptions {
  /** Credentials. */
  auth?: Auth;
  /** How often an event is sent again when it is not acknowledged in time. Default: events are sent once. */
  retries?: number;
  /** Default time-out of acknowledgements in milliseconds. Default: none. */
  ackTimeout?: number;
  /**
   * With `retries`: whether each event carries a key as its last argument, the same at every try, by which the server knows it
   * again; or a function of the event and its arguments that makes the key. Default: false.
   */
  idempotencyKey?: boolean | ((event: string, ...args: any[]) => string);
  /**
   * Bytes that events may take while they wait for a connection (with `retries`: for their turn); a character outside ASCII counts
   * three, an astral one six. Default: no limit.
   */
  bufferLimit?: number;
  /** What happens beyond `bufferLimit`; an acknowledgement that takes errors is told. Default: `emit` throws. */
  bufferPolicy?: "drop-oldest" | "drop-newest";
  /**
   * Whether a plain acknowledgement, of `emit` without `timeout`, is called with an Error as its only argument when there
   * will be no answer. Default: false, it is never called.
   */
  ackErrors?: boolean;
}
