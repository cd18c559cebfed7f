/**
 * Everything that differs between a browser and another home: one mutable object, which `node.ts` fills in differently and
 * a test replaces.
 */
import type { EngineOptions } from "./options.js";
import type { BinaryType } from "./packet.js";

/** What polling needs to know of an answer. */
export interface HttpResponse {
  ok: boolean;
  status: number;
  text(): Promise<string>;
}

export interface HttpRequest {
  method: string;
  body?: string;
  headers?: Record<string, string>;
  credentials?: "include" | "same-origin";
  keepalive?: boolean;
  signal: AbortSignal;
}

export const platform = {
  /** For `rememberUpgrade`: whether the last connection got as far as WebSocket. */
  $websocketWorked: false,

  /** The shape in which binary is handed to the application. */
  $binaryType: "arraybuffer" as BinaryType,

  /** Makes a received ArrayBuffer (or Blob) that shape. */
  $toBinary: (data: any, type?: BinaryType): any => (type == "blob" && data instanceof ArrayBuffer ? new Blob([data]) : data),

  /** Sends a request; `options` are the transport's. */
  $fetch: (url: string, request: HttpRequest, options: any): Promise<HttpResponse> => fetch(url, request),

  /** Opens a WebSocket; `options` are the transport's. Browsers ignore the third argument, React Native takes headers from it. */
  $webSocket: (url: string, protocols: string | string[] | undefined, options: any): any =>
    new (WebSocket as any)(url, protocols, { headers: options.extraHeaders }),
};

const NATIVE = [setTimeout, clearTimeout] as const;

/**
 * Runs a function after a time, and gives the way to prevent it. With the option `useNativeTimers` of who asks, the timers are those
 * from before anybody replaced them.
 */
export function later({ opts }: { opts: Partial<EngineOptions> }, fn: () => void, ms?: number): () => void {
  const [set, clear] = opts.useNativeTimers ? NATIVE : [setTimeout, clearTimeout];
  const timer: any = set(fn, ms);
  if (opts.autoUnref) timer.unref();
  return () => clear(timer);
}
