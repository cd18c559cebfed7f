/**
 * The entry for Node: the same client with Node's own HTTP (so that cookies, agents and TLS options work), with the package
 * `ws` for WebSockets where it is installed (`extraHeaders`, TLS options) and Node's own from 22 on where it is not, and with
 * binary arriving as `Buffer`.
 */
import * as http from "node:http";
import * as https from "node:https";
import { createRequire } from "node:module";
import { CookieJar } from "./cookies.js";
import type { Packet } from "./packet.js";
import { platform, type HttpRequest, type HttpResponse } from "./platform.js";
import { WS } from "./transports/index.js";

/** Options that are handed to Node's HTTP and to `ws`. */
const TLS = ["agent", "pfx", "key", "passphrase", "cert", "ca", "ciphers", "rejectUnauthorized", "localAddress", "family", "checkServerIdentity"];

function pick(options: any, names: string[]): any {
  return Object.fromEntries(names.filter((name) => options[name] != null).map((name) => [name, options[name]]));
}

/** The cookies of each engine, kept with `withCredentials`. */
const jars = new WeakMap<object, CookieJar>();

function jarOf(options: any): CookieJar | undefined {
  if (!options.withCredentials) return undefined;
  let jar = jars.get(options.socket);
  if (!jar) jars.set(options.socket, (jar = new CookieJar()));
  return jar;
}

platform.$binaryType = "nodebuffer";

platform.$toBinary = (data, type) => {
  if (Buffer.isBuffer(data)) return type == "arraybuffer" ? new Uint8Array(data).buffer : data;
  if (!(data instanceof ArrayBuffer)) return data;
  return type == "nodebuffer" ? Buffer.from(data) : type == "blob" ? new Blob([data]) : data;
};

platform.$fetch = (url: string, { method, body, headers, signal }: HttpRequest, options: any) =>
  new Promise<HttpResponse>((resolve, reject) => {
    // By a timer, as XMLHttpRequest does it: who fakes the timers in a test holds back the failures too.
    const fail = (err: Error) => setTimeout(() => reject(err), 0);
    const jar = jarOf(options);
    const request = (options.secure ? https : http).request(
      url,
      {
        ...pick(options, TLS),
        method,
        signal,
        headers: {
          accept: "*/*",
          ...(body != null && { "content-type": "text/plain;charset=UTF-8", "content-length": Buffer.byteLength(body) }),
          ...headers,
          ...jar?.header(),
        },
      },
      (response) => {
        jar?.store(response.headers["set-cookie"]);
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          const status = response.statusCode!;
          const text = async () => Buffer.concat(chunks).toString();
          resolve({ ok: status >= 200 && status < 300, status, text });
        });
      },
    );
    request.on("error", fail);
    if (options.autoUnref) request.on("socket", (socket) => socket.unref());
    request.end(body);
  });

const { write } = WS.prototype as any;

/** What is smaller than the threshold is not worth compressing: 1024 bytes unless `perMessageDeflate` says something else. */
(WS.prototype as any).write = function (this: WS, packets: Packet[]) {
  const { perMessageDeflate = { threshold: 1024 } } = this.opts;
  for (const packet of packets) {
    const { data } = packet;
    // A text goes with the digit of its type.
    const size = typeof data == "string" ? Buffer.byteLength(data) + 1 : data?.byteLength ?? 0;
    if (size < perMessageDeflate?.threshold) packet.options = { compress: false };
  }
  write.call(this, packets);
};

/** The package `ws`: null where it is not installed, undefined until it is looked for. */
let ws: any;

platform.$webSocket = (url, protocols, options) => {
  if (ws === undefined) {
    try {
      ws = createRequire(import.meta.url)("ws");
    } catch {
      ws = null;
    }
  }
  const headers = { ...options.extraHeaders, ...jarOf(options)?.header() };
  if (!ws) {
    if (typeof WebSocket == "undefined") throw new Error("this Node has no WebSocket of its own: install the package `ws`");
    return new (WebSocket as any)(url, { protocols, headers });
  }
  const socket = new ws.WebSocket(url, protocols, {
    ...pick(options, [...TLS, "perMessageDeflate", "maxPayload", "origin", "protocolVersion"]),
    headers,
  });
  if (options.autoUnref) socket.once("open", () => socket._socket.unref());
  return socket;
};

export * from "./index.js";
export { default } from "./index.js";
