/*! Enchufe 0.1.0 MIT or Apache-2.0 */
(function () {

  class Emitter {
    constructor() {
      /** Listeners by "$" + event name. @internal */
      this._callbacks = {};
    }
    /** Adds a listener. */
    on(ev, listener) {
      this._callbacks["$" + ev] = [...this.listeners(ev), listener];
      return this;
    }
    /** Adds a listener that is removed before its first call. */
    once(ev, listener) {
      const once = (...args) => {
        this.off(ev, once);
        listener.apply(this, args);
      };
      once.fn = listener;
      return this.on(ev, once);
    }
    off(...args) {
      const [ev, listener] = args;
      let removed = 0;
      const left = this.listeners(ev).filter(
        (item) => !listener || item != listener && item.fn != listener || removed++
      );
      if (!args.length) this._callbacks = {};
      else if (args.length < 2 || !left[0]) delete this._callbacks["$" + ev];
      else this._callbacks["$" + ev] = left;
      return this;
    }
    /** Calls the listeners of an event. */
    emit(ev, ...args) {
      (this.opts || this._opts)?.logger?.(ev, args, this);
      callAll(this, this.listeners(ev), args);
      return this;
    }
    /** The listeners of an event, in order. */
    listeners(ev) {
      return this._callbacks["$" + ev] || [];
    }
    /** Whether an event has listeners. */
    hasListeners(ev) {
      return !!this.listeners(ev)[0];
    }
  }
  const proto$2 = Emitter.prototype;
  proto$2.addEventListener = proto$2.on;
  proto$2.removeEventListener = proto$2.removeListener = proto$2.removeAllListeners = proto$2.off;
  proto$2.$emit = proto$2.emitReserved = proto$2.emit;
  function callAll(target, listeners, args) {
    for (const listener of listeners.slice()) listener.apply(target, args);
  }
  function listen(target, listeners) {
    for (const ev in listeners) target?.addEventListener?.(ev, listeners[ev]);
    return () => {
      for (const ev in listeners) target?.removeEventListener?.(ev, listeners[ev]);
    };
  }

  const tagOf = (value) => ({}).toString.call(value).slice(8, -1);
  const isBinary = (value) => ArrayBuffer.isView(value) || /^(ArrayBuffer|Blob|File)$/.test(tagOf(value));
  const bytesOf = (data) => new Uint8Array(data.buffer || data, data.byteOffset, data.byteLength);
  const toBase64 = (bytes) => btoa(bytesOf(bytes).reduce((text, byte) => text + String.fromCharCode(byte), ""));
  function fromBase64(text) {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  }

  const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
  const protocol$1 = 4;
  const SEPARATOR = "";
  function encodePacket(packet, supportsBinary) {
    const { type, data } = packet;
    return isBinary(data) ? supportsBinary ? data : "b" + toBase64(data) : [TYPES.indexOf(type)] + (data || "");
  }
  function decodePacket(frame) {
    if (typeof frame != "string") return { type: "message", data: frame };
    let type = TYPES[frame[0]];
    let data = frame.slice(1);
    if (frame[0] == "b") {
      try {
        data = fromBase64(data);
        type = "message";
      } catch {
      }
    }
    return type ? data ? { type, data } : { type } : { type: "error", data: "parser error" };
  }
  function encodePayload(batch) {
    return batch.map((packet) => encodePacket(packet)).join(SEPARATOR);
  }
  const decodePayload = (text) => text.split(SEPARATOR).map(decodePacket);
  const sizeOf = (data) => data ? data.byteLength ?? data.size ?? ("" + data).replace(/[^\0-\x7f]/g, "abc").length : 0;
  function packetsThatFit(packets, max) {
    let size = -1;
    const tooMany = packets.findIndex(
      // Binary as base64.
      ({ data }, i) => max && (size += 2 + (typeof data == "string" ? sizeOf(data) : Math.ceil(sizeOf(data) / 3) * 4)) > max && i
    );
    return tooMany < 0 ? packets.length : tooMany;
  }

  const platform = {
    /** For `rememberUpgrade`: whether the last connection got as far as WebSocket. */
    $websocketWorked: false,
    /** The shape in which binary is handed to the application. */
    $binaryType: "arraybuffer",
    /** Makes a received ArrayBuffer (or Blob) that shape. */
    $toBinary: (data, type) => type == "blob" && data instanceof ArrayBuffer ? new Blob([data]) : data,
    /** Sends a request; `options` are the transport's. */
    $fetch: (url, request, options) => fetch(url, request),
    /** Opens a WebSocket; `options` are the transport's. Browsers ignore the third argument, React Native takes headers from it. */
    $webSocket: (url, protocols, options) => new WebSocket(url, protocols, { headers: options.extraHeaders })
  };
  const NATIVE = [setTimeout, clearTimeout];
  function later({ opts }, fn, ms) {
    const [set, clear] = opts.useNativeTimers ? NATIVE : [setTimeout, clearTimeout];
    const timer = set(fn, ms);
    if (opts.autoUnref) timer.unref();
    return () => clear(timer);
  }

  function hintOf({ status, responseText }) {
    if (!status) return "unreachable, or CORS refused";
    if (/^\d+:\d/.test(responseText)) return "the server speaks Engine.IO 3";
    try {
      return JSON.parse(responseText).message;
    } catch {
      return "not a Socket.IO server";
    }
  }

  const parseUrl = (source) => /^(?:(\w+):\/\/)?(?:[^@/?#]*@)?(\[.*?]|[^:/?#]*):?(\d*)([^?#]*)\??([^#]*)/.exec(source);
  function resolveUrl(uri) {
    const page = globalThis.location || { protocol: "https:", host: "localhost" };
    const url = parseUrl(
      (uri || "").replace(/^(?!\/\/|[^/?#])/, page.host).replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, page.protocol + "//")
    );
    url[3] || (url[3] = isSecure(url[1]) ? "443" : "80");
    url[4] || (url[4] = "/");
    return url;
  }
  const isSecure = (protocol) => /[ps]s:?$/.test(protocol);
  const unique = () => "" + Date.now() + Math.random();
  function encodeQuery(parameters) {
    return Object.entries(parameters).map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  }
  function decodeQuery(text) {
    const query = {};
    text.replace(/([^&=]+)=?([^&]*)/g, (_, key, value) => query[decodeURIComponent(key)] = decodeURIComponent(value));
    return query;
  }

  class Transport extends Emitter {
    constructor(opts) {
      super();
      /** Whether `send` may be called. */
      this.writable = false;
      this.readyState = "closed";
      this.opts = opts;
      this.query = opts.query || {};
      this.socket = opts.socket;
    }
    open() {
      this.readyState = "opening";
      this.doOpen();
      return this;
    }
    close() {
      if (this.readyState != "closed") {
        this.doClose();
        this.onClose();
      }
      return this;
    }
    send(packets) {
      if (this.readyState != "open") return;
      this.writable = false;
      const blobs = packets.filter(({ data }) => data?.size >= 0);
      if (blobs[0]) {
        Promise.all(blobs.map(async (packet) => packet.data = await packet.data.arrayBuffer())).then(
          () => this.write(packets),
          (err) => this.onError("blob read error", err)
        );
      } else this.write(packets);
    }
    /** Stops receiving, and calls back when nothing is under way any more. */
    pause(done) {
      done();
    }
    onOpen() {
      this.readyState = "open";
      this.writable = true;
      this.$emit("open");
    }
    $onDrain() {
      this.writable = true;
      this.$emit("drain");
    }
    onPacket(packet) {
      if (packet.type == "close") {
        queueMicrotask(() => this.onClose({ description: "transport closed by the server" }));
        return;
      }
      packet.data = platform.$toBinary(packet.data, this.socket.binaryType);
      this.$emit("packet", packet);
    }
    onClose(details) {
      this.readyState = "closed";
      this.$emit("close", details);
    }
    onError(message, description, context, hint) {
      this.$emit("error", Object.assign(new Error(message), { type: "TransportError", description, context, hint }));
    }
    /** The other side is gone, or the way to it. */
    $end(context) {
      this.onClose({ description: this.name + " connection closed", context });
    }
    $fail(err) {
      this.onError(this.name + " error", err);
    }
    /** The address of the session; `schema` is "http" or "ws". */
    $uri(schema, stamp) {
      const { opts, query } = this;
      const { secure, port, hostname } = opts;
      if (stamp) query[opts.timestampParam] = unique();
      if (opts.forceBase64) query.b64 = 1;
      return schema + (secure ? "s://" : "://") + hostname + (port && +port != (secure ? 443 : 80) ? ":" + port : "") + opts.path + "?" + encodeQuery(query);
    }
  }

  class Polling extends Transport {
    get name() {
      return "polling";
    }
    doClose() {
      const abort = () => this.$poll?.abort();
      if (this.readyState == "opening") abort();
      else this.$request("1", abort, abort);
    }
    write(packets) {
      this.$request(encodePayload(packets), () => this.$onDrain());
    }
    pause(done) {
      this.readyState = "pausing";
      this.$paused = done;
      this.$checkPaused();
    }
    resume() {
      this.readyState = "open";
      if (!this.$poll) this.doOpen();
    }
    $checkPaused() {
      if (this.readyState == "pausing" && !this.$poll && this.writable) {
        this.readyState = "paused";
        this.$paused();
      }
    }
    $onDrain() {
      super.$onDrain();
      this.$checkPaused();
    }
    /** Opens by a first poll; those that follow are no different. */
    doOpen() {
      this.$poll = this.$request(void 0, (text) => this.$onData(text));
      this.$emit("poll");
    }
    $onData(payload) {
      for (const packet of decodePayload(payload)) {
        if (this.readyState == "opening") this.onOpen();
        this.onPacket(packet);
        if (this.readyState == "closed" || packet.type == "close") return;
      }
      this.$poll = void 0;
      this.$emit("pollComplete");
      if (this.readyState == "open") this.doOpen();
      else this.$checkPaused();
    }
    $request(body, done, failed = (response) => this.onError("xhr " + (body ? "post" : "poll") + " error", response.status, response, hintOf(response))) {
      const { opts } = this;
      const abort = new AbortController();
      const cancel = opts.requestTimeout && later(this, () => abort.abort(), opts.requestTimeout);
      platform.$fetch(
        this.$uri("http", opts.timestampRequests !== false),
        {
          method: body ? "POST" : "GET",
          body,
          headers: opts.extraHeaders,
          credentials: opts.withCredentials ? "include" : void 0,
          keepalive: body == "1",
          signal: abort.signal
        }).then(async (response) => {
        response.responseText = await response.text();
        return response;
      }).catch((statusText) => ({ status: 0, statusText, responseText: "" })).finally(cancel).then((response) => {
        response.readyState = 4;
        if (response.ok && (this.readyState != "opening" || response.responseText[0] == "0")) done(response.responseText);
        else failed(response);
      });
      return abort;
    }
  }

  class WS extends Transport {
    get name() {
      return "websocket";
    }
    doOpen() {
      const { opts } = this;
      let ws;
      try {
        ws = this.ws = platform.$webSocket(this.$uri("ws", opts.timestampRequests), opts.protocols, opts);
      } catch (err) {
        return queueMicrotask(() => this.$fail(err));
      }
      ws.binaryType = "arraybuffer";
      ws.onopen = () => this.onOpen();
      ws.onclose = (event) => this.$end(event);
      ws.onmessage = ({ data }) => {
        if (data == "1") ws.close();
        this.onPacket(decodePacket(data));
      };
      ws.onerror = (event) => this.$fail(event);
    }
    write(packets) {
      for (const packet of packets) this.ws.send(encodePacket(packet, !this.opts.forceBase64), packet.options);
      queueMicrotask(() => this.$onDrain());
    }
    doClose() {
      const { ws } = this;
      if (ws) {
        ws.onopen = ws.onmessage = ws.onclose = ws.onerror = () => {
        };
        ws.close();
      }
    }
  }

  function encodeFrame(packet) {
    const text = typeof packet == "string";
    const bytes = text ? new TextEncoder().encode(packet) : bytesOf(packet);
    const { length } = bytes;
    const start = length < 126 ? 1 : length < 65536 ? 3 : 9;
    const frame = new Uint8Array(start + length);
    frame[0] = (text ? 0 : 128) + (start > 3 ? 127 : start > 1 ? 126 : length);
    for (let i = start, rest = length; --i; rest >>>= 8) frame[i] = rest;
    frame.set(bytes, start);
    return frame;
  }
  async function readFrames(read, receive) {
    let rest = new Uint8Array();
    const take = async (length) => {
      const chunks = rest.length ? [rest] : [];
      let size = rest.length;
      for (let chunk; size < length && (chunk = await read()); size += chunk.length) chunks.push(chunk);
      if (size) rest = chunks[1] ? new Uint8Array(await new Blob(chunks).arrayBuffer()) : chunks[0];
      const taken = rest.subarray(0, length);
      rest = rest.subarray(length);
      return taken;
    };
    for (let head; (head = await take(1)).length; ) {
      let length = head[0] & 127;
      if (length > 125) length = (await take(length < 127 ? 2 : 8)).reduce((sum, byte) => sum * 256 + byte, 0);
      const bytes = length < 2 ** 53 ? await take(length) : head;
      if (!length || bytes.length < length) throw new Error("invalid frame");
      receive(head[0] > 127 ? bytes.slice().buffer : new TextDecoder().decode(bytes));
    }
  }

  class WT extends Transport {
    constructor() {
      super(...arguments);
      /** However a session ends, it is told once. */
      this.$over = (err) => {
        if (this.readyState == "closed") return;
        if (err) this.$fail(err);
        else this.$end();
      };
    }
    get name() {
      return "webtransport";
    }
    doOpen() {
      this.$run().catch(this.$over);
    }
    async $run() {
      const session = this.$session = new WebTransport(
        this.$uri("http").replace(/s?(:.*)\?.*/, "s$1"),
        this.opts.transportOptions?.webtransport
      );
      session.closed.then(() => this.$over(), this.$over);
      await session.ready;
      const { readable, writable } = await session.createBidirectionalStream();
      const reader = readable.getReader();
      this.$writer = writable.getWriter();
      const { sid } = this.query;
      await this.$writer.write(encodeFrame("0" + (sid ? JSON.stringify({ sid }) : "")));
      if (this.readyState != "opening") return;
      this.onOpen();
      await readFrames(
        async () => (await reader.read()).value,
        (packet) => this.onPacket(decodePacket(packet))
      );
      this.doClose();
      this.$over();
    }
    write(packets) {
      Promise.all(packets.map((packet) => this.$writer.write(encodeFrame(encodePacket(packet, true))))).then(
        () => this.$onDrain(),
        this.$over
      );
    }
    doClose() {
      this.$session?.close();
    }
  }

  const transports = {
    polling: Polling,
    websocket: WS,
    webtransport: WT
  };

  const HEAD_START = 200;
  function probe(engine, name, upgrades) {
    const transport = engine.$create(name);
    let paused = false;
    let over = false;
    platform.$websocketWorked = false;
    const end = () => {
      over = true;
      transport.off();
      off();
    };
    const fail = (reason, silent) => {
      if (over) return;
      end();
      transport.close();
      if (paused) {
        engine.upgrading = false;
        if (engine.readyState != "closed") engine.transport.resume?.();
        engine.$flush();
      }
      if (!silent) engine.$emit("upgradeError", Object.assign(new Error("probe error: " + reason), { transport: name }));
    };
    const onClose = () => fail("closed");
    const onUpgrading = (to) => to != transport && fail("", true);
    transport.on("open", () => transport.send([{ type: "ping", data: "probe" }])).on("error", fail).on("close", onClose).once("packet", ({ type, data }) => {
      if (type != "pong" || data != "probe") return fail(type);
      engine.upgrading = paused = true;
      engine.$emit("upgrading", transport);
      platform.$websocketWorked = name == "websocket";
      if (over) return;
      engine.transport.pause(() => {
        if (over) return;
        end();
        engine.$setTransport(transport);
        transport.send([{ type: "upgrade" }]);
        engine.$emit("upgrade", transport);
        engine.upgrading = false;
        engine.$flush();
      });
    });
    const off = listen(engine, { close: onClose, upgrading: onUpgrading });
    if (upgrades[1] && name == "websocket") {
      later(engine, () => over || transport.open(), HEAD_START);
    } else transport.open();
  }

  const LATE = 1e3;
  class Engine extends Emitter {
    /** Without an address the options say where to connect, and else the page does. */
    constructor(uri, options) {
      super();
      this.readyState = "closed";
      /** Packets that were not handed to the network yet, and those that are just being handed over. */
      this.writeBuffer = [];
      /** The shape in which binary arrives. */
      this.binaryType = platform.$binaryType;
      /** Whether packets wait for a better transport. */
      this.upgrading = false;
      /** When the server counts as gone, in milliseconds since 1970; 0 when that has been noticed. */
      this._pingTimeoutTime = Infinity;
      const opts = this.opts = {
        upgrade: true,
        timestampParam: "t",
        transportOptions: {},
        ...options
      };
      const here = globalThis.location || {};
      const [, protocol2, host, port, , query] = parseUrl(
        // Nothing, a path or a query is of the page.
        (uri || opts.host || opts.hostname || "").replace(/^(?![^/?#])/, here.host || "localhost")
      );
      this.hostname = opts.hostname = host;
      this.secure = opts.secure = uri ? isSecure(protocol2) : opts.secure ?? isSecure(here.protocol);
      opts.port = !uri && opts.port || port;
      this.port = opts.port || (opts.secure ? "443" : "80");
      if (query || typeof opts.query == "string") opts.query = decodeQuery(query || opts.query);
      opts.path = opts.path.replace(/\/?$/, opts.addTrailingSlash === false ? "" : "/");
      const list = opts.transportImplementations || opts.transports || Object.values(transports);
      this.$ctors = Object.fromEntries(
        list.map((item) => transports[item] || item).filter((item) => item.prototype && (item != transports.webtransport || globalThis.WebTransport)).map((item) => [item.prototype.name, item])
      );
      this.transports = Object.keys(this.$ctors);
      const check = () => this._hasPingExpired();
      const lost = () => this.$close("transport close", { description: "network connection lost" });
      this.$unlisten = listen(globalThis, {
        // The loopback works offline too.
        offline: () => opts.hostname != "localhost" && lost(),
        // A page that is left cuts its connections: nobody should hear of an error. If it comes back, they are gone.
        pagehide: () => this.transport.off("error").off("close"),
        pageshow: ({ persisted }) => persisted && lost(),
        beforeunload: () => opts.closeOnBeforeunload && this.transport.off().close(),
        // The timers of a page that nobody looks at are late or frozen.
        visibilitychange: check,
        online: check
      });
      this.$open();
    }
    /** A transport for this session, not opened yet. By `...` V8 would make its options a hidden class, 400 bytes. @internal */
    $create(name) {
      const { opts, id } = this;
      const query = { ...opts.query, EIO: protocol$1, transport: name };
      if (id) query.sid = id;
      return new this.$ctors[name](Object.assign({}, opts, { query, socket: this }, opts.transportOptions[name]));
    }
    $open() {
      const { transports: transports2 } = this;
      if (!transports2[0]) {
        this.$unlisten();
        return later(this, () => this.$emit("error", "No transports available"));
      }
      const remembered = this.opts.rememberUpgrade && platform.$websocketWorked && transports2.includes("websocket");
      this.readyState = "opening";
      const transport = this.$create(remembered ? "websocket" : transports2[0]);
      this.$setTransport(transport);
      transport.open();
    }
    /** @internal */
    $setTransport(transport) {
      this.transport?.off();
      this.transport = transport;
      listen(transport, {
        drain: () => this.$onDrain(),
        packet: (packet) => this.$onPacket(packet),
        error: (err) => this.$onError(err),
        close: (details) => this.$close("transport close", details)
      });
    }
    $onPacket(packet) {
      let { type, data } = packet;
      if (this.readyState == "closed") return;
      this.$emit("packet", packet);
      this.$emit("heartbeat");
      if (type == "open") {
        try {
          data = JSON.parse(data);
        } catch (err) {
          return this.$onError(err);
        }
        this.$onHandshake(data);
      } else if (type == "ping") {
        this.$send("pong");
        this.$emit("ping");
        this.$emit("pong");
        this.$resetPingTimeout();
      } else if (type == "error") {
        this.$onError(Object.assign(new Error("server error"), { code: data }));
      } else if (type == "message") {
        this.$emit("data", data);
        this.$emit("message", data);
      }
    }
    $onHandshake(data) {
      this.$emit("handshake", data);
      this.id = this.transport.query.sid = data.sid;
      this.$heartbeat = data.pingInterval + data.pingTimeout;
      this.$maxPayload = data.maxPayload;
      this.readyState = "open";
      platform.$websocketWorked = this.transport.name == "websocket";
      this.$resetPingTimeout();
      this.$emit("open");
      this.$flush();
      const upgrades = this.transports.filter((name) => data.upgrades?.includes(name));
      if (this.opts.upgrade && !this.$isOver()) for (const name of upgrades) probe(this, name, upgrades);
    }
    $resetPingTimeout() {
      this.$cancelPing?.();
      this._pingTimeoutTime = Date.now() + this.$heartbeat;
      const close = () => this.$close("ping timeout");
      this.$cancelPing = later(this, () => {
        if (Date.now() - this._pingTimeoutTime < LATE) close();
        else this.$cancelPing = later(this, close, LATE);
      }, this.$heartbeat);
    }
    /** Whether the server is overdue, although a throttled timer has not said so yet; if it is, the session closes. @internal */
    _hasPingExpired() {
      const expired = Date.now() > this._pingTimeoutTime;
      if (expired) {
        this._pingTimeoutTime = 0;
        queueMicrotask(() => this.$close("ping timeout"));
      }
      return expired;
    }
    $onDrain() {
      this.writeBuffer.splice(0, this.$inFlight);
      this.$inFlight = 0;
      if (this.writeBuffer[0]) this.$flush();
      else this.$emit("drain");
    }
    /** Hands over what waits, as much as one payload may hold. @internal */
    $flush() {
      const { transport, writeBuffer } = this;
      if (this.readyState != "closed" && transport.writable && !this.upgrading && writeBuffer[0]) {
        const packets = writeBuffer.slice(0, packetsThatFit(writeBuffer, transport.name == "polling" && this.$maxPayload));
        this.$inFlight = packets.length;
        transport.send(packets);
        this.$emit("flush");
      }
    }
    /** Sends a message; `fn` is called when it has been handed to the transport. */
    write(msg, options, fn) {
      this.$send("message", [msg], options, fn);
      return this;
    }
    /** Queues packets of a type as one unit: nothing comes between them. @internal */
    $send(type, list = [void 0], options, fn) {
      if (this.$isOver()) return;
      const packets = list.map((data) => ({ type, data, options: { compress: options?.compress !== false } }));
      this.writeBuffer.push(...packets);
      for (const packet of packets) this.$emit("packetCreate", packet);
      if (fn || (fn = options?.call && options)) this.once("flush", fn);
      this.$flush();
    }
    /** Closes the session, after what was written before has left. */
    close() {
      if (this.$isOver()) return this;
      this.readyState = "closing";
      const end = () => this.$close("forced close");
      const close = () => this.upgrading ? this.once("upgrade", end).once("upgradeError", end) : end();
      if (this.writeBuffer[0]) this.once("drain", close);
      else close();
      return this;
    }
    /** Whether it is closed, or about to be. */
    $isOver() {
      return this.readyState[0] == "c";
    }
    $onError(err) {
      platform.$websocketWorked = false;
      if (this.opts.tryAllTransports && this.transports[1] && this.readyState == "opening") {
        this.transport.off().close();
        this.transports.shift();
        return this.$open();
      }
      this.$emit("error", err);
      this.$close("transport error", err);
    }
    $close(reason, description) {
      if (this.readyState == "closed") return;
      this.$cancelPing?.();
      this.transport.off("close");
      this.transport.close().off();
      this.$unlisten();
      this.readyState = "closed";
      this.id = null;
      this.$emit("close", reason, description);
      this.writeBuffer = [];
    }
  }
  Engine.prototype.send = Engine.prototype.write;

  const protocol = 5;
  const CONNECT = 0;
  const DISCONNECT = 1;
  const EVENT = 2;
  const ACK = 3;
  const CONNECT_ERROR = 4;
  const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
  const TAGS = ["Object", "", "Array", "Array", "Object,String"];
  const isPayloadValid = ({ type, data }, given) => !given && type < CONNECT_ERROR || TAGS[type].includes(tagOf(data)) && (type != EVENT || /^[ns][ut]/.test(typeof data[0]) && !RESERVED.includes(data[0]));

  class Encoder {
    /** The text of a packet, followed by its attachments. */
    encode({ type, nsp, id, data }) {
      const attachments = [];
      const json = JSON.stringify(
        data ?? void 0,
        // An event or an answer.
        type & EVENT ? function(key, value) {
          const raw = this[key];
          const binary = typeof raw == "object" && [raw, value].find(isBinary);
          return binary ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
        } : void 0
      );
      const { length } = attachments;
      return [
        (length ? type + 3 + (length + "-") : type) + (nsp && nsp != "/" ? nsp + "," : "") + (id ?? "") + (json ?? ""),
        ...attachments
      ];
    }
  }
  class Decoder extends Emitter {
    /** Takes a text or an attachment; emits `decoded` when a packet is complete. Throws on a violation of the protocol. */
    add(frame) {
      if (typeof frame == "string" && !this.$attach) this.$decode(frame);
      else if (this.$attach && isBinary(frame)) this.$attach(frame);
      else invalid();
    }
    /** Forgets a packet that is not complete. */
    destroy() {
      this.$attach = void 0;
    }
    $decode(text) {
      const [, plain, binary, count = 0, nsp = "/", id, json] = /^(?:([0-4])|([56])0*([1-9]|10)-)(?:(\/[^,]*),?)?(\d*)(.*)/s.exec(text) || invalid();
      const packet = { type: +(plain ?? +binary - 3), nsp };
      const slots = [];
      if (id) packet.id = +id;
      if (json) {
        packet.data = JSON.parse(
          json,
          binary ? function(key, value) {
            if (value?._placeholder === true) slots.push([this, key, value.num]);
            return value;
          } : void 0
        );
      }
      const numbers = [...Array(+count).keys()];
      if (!isPayloadValid(packet, !!json) || slots.some(([, , num]) => !numbers.includes(num))) invalid();
      const done = () => {
        this.destroy();
        this.$emit("decoded", packet);
      };
      if (!binary) return done();
      const attachments = [];
      this.$attach = (data) => {
        if (attachments.push(data) < +count) return;
        for (const [holder, key, num] of slots) holder[key] = attachments[num];
        done();
      };
    }
  }
  function invalid() {
    throw new Error("invalid packet");
  }

  function remove(list, item) {
    const i = list.indexOf(item);
    if (i >= 0) list.splice(i, 1);
  }

  function register(socket, packet, ack, flags) {
    const { acks, io, _opts } = socket;
    const id = packet.id = socket.ids++;
    const timeout = flags.timeout ?? _opts.ackTimeout;
    acks[id] = ack;
    if (timeout == null) return;
    const cancel = later(io, () => {
      delete acks[id];
      remove(socket.sendBuffer, packet);
      ack.call(socket, new Error("operation has timed out"));
    }, timeout);
    const withTimer = (...args) => {
      cancel();
      ack.apply(socket, args);
    };
    withTimer.$withError = true;
    acks[id] = withTimer;
  }
  function fail({ acks, _opts }, id, err) {
    const ack = acks[id];
    delete acks[id];
    if (ack && (ack.$withError || _opts.ackErrors)) ack(err);
  }

  function add(socket, queue, item, data) {
    const { bufferLimit, bufferPolicy } = socket._opts;
    if (bufferLimit == null) return queue.push(item);
    item.$size = socket.io.encoder.encode({ type: EVENT, nsp: socket.nsp, data }).reduce((sum, part) => sum + sizeOf(part), 0);
    let excess = queue.reduce((sum, { $size }) => sum + $size, item.$size - bufferLimit);
    if (bufferPolicy == "drop-oldest" && item.$size <= bufferLimit) {
      for (const victim of queue.slice()) {
        if (excess > 0 && !victim.pending) {
          excess -= victim.$size;
          remove(queue, victim);
          drop(socket, victim);
        }
      }
    }
    if (excess <= 0) return queue.push(item);
    if (!bufferPolicy) throw overflow();
  }
  const overflow = () => new Error("buffer is full");
  function drop(socket, { $ack, id }) {
    if ($ack) $ack(overflow());
    else fail(socket, id, overflow());
  }

  function addCatchAll(proto) {
    for (const name of ["Any", "AnyOutgoing"]) {
      const key = "_a" + name.slice(1) + "Listeners";
      const methods = {
        on(listener) {
          this[key].push(listener);
          return this;
        },
        prepend(listener) {
          this[key].unshift(listener);
          return this;
        },
        off(listener) {
          if (listener) remove(this[key], listener);
          else this[key] = [];
          return this;
        },
        listeners() {
          return this[key];
        }
      };
      for (const method in methods) proto[method + name] = methods[method];
    }
  }

  function enqueue(socket, args, $ack, flags) {
    const { _queue: queue, _opts: opts } = socket;
    const packet = { args, flags: { ...flags, $fromQueue: true }, pending: false, $tryCount: 0, $ack };
    const key = opts.idempotencyKey;
    if (key) args.push(key.call ? key(...args) : unique());
    if (!add(socket, queue, packet, args)) return drop(socket, packet);
    const ack = (err, ...answer) => {
      if (packet == queue[0]) {
        packet.pending = false;
        if (!err || packet.$tryCount > opts.retries) {
          queue.shift();
          $ack?.(err, ...answer);
        }
        drain(socket);
      }
    };
    ack.$withError = true;
    args.push(ack);
    drain(socket);
    socket.$last = packet;
  }
  function drain(socket, force) {
    const packet = socket._queue[0];
    if (socket.connected && packet && (force || !packet.pending)) {
      packet.pending = true;
      packet.$tryCount++;
      socket.flags = packet.flags;
      socket.emit(...packet.args);
    }
  }

  function promise(socket, args) {
    const { signal } = socket.flags;
    let off;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        socket.flags = {};
        throw signal.reason;
      }
      let packet = {};
      off = listen(signal, {
        abort: () => {
          reject(signal.reason);
          remove(socket.sendBuffer, packet);
          remove(socket._queue, packet);
          delete socket.acks[packet.id];
          drain(socket);
        }
      });
      const ack = (err, value) => err ? reject(err) : resolve(value);
      ack.$withError = true;
      socket.emit(...args, ack);
      packet = socket.$last;
    }).finally(off);
  }

  class Socket extends Emitter {
    constructor(io, nsp, opts) {
      super();
      this.connected = false;
      /** Whether the last connection went on where the one before ended, with nothing missed. */
      this.recovered = false;
      /** Events that came before the CONNECT. */
      this.receiveBuffer = [];
      /** Packets that wait for a connection. */
      this.sendBuffer = [];
      /** Events that wait for their turn with `retries`. */
      this._queue = [];
      this.ids = 0;
      this.acks = {};
      this.flags = {};
      this._anyListeners = [];
      this._anyOutgoingListeners = [];
      this.io = io;
      this.nsp = nsp;
      this.auth = opts?.auth;
      this._opts = { ...opts };
      if (io._autoConnect) this.connect();
    }
    get disconnected() {
      return !this.connected;
    }
    /** Whether the socket is connected or will be without further ado. */
    get active() {
      return !!this.subs;
    }
    /** Connects, or reconnects after a disconnection that was wanted. */
    connect() {
      const { io } = this;
      if (this.connected) return this;
      this.subs || (this.subs = listen(io, {
        open: () => this.onopen(),
        packet: (packet) => this.onpacket(packet),
        error: (err) => this.connected || this.$emit("connect_error", err),
        close: (reason, description) => this.onclose(reason, description)
      }));
      if (!io._reconnecting) io.open();
      if (io._readyState == "open") this.onopen();
      return this;
    }
    /** Emits a `message`. */
    send(...args) {
      return this.emit("message", ...args);
    }
    emit(...data) {
      if (RESERVED.includes(data[0])) throw new Error('"' + data[0] + '" is a reserved event name');
      const { flags, io } = this;
      const ack = typeof data[data.length - 1] == "function" ? data.pop() : void 0;
      this.flags = {};
      if (this._opts.retries && !flags.$fromQueue && !flags.volatile) {
        enqueue(this, data, ack, flags);
        return this;
      }
      const packet = { type: EVENT, data, options: { compress: flags.compress !== false } };
      const connected = this.connected && !io.engine._hasPingExpired();
      const kept = connected || flags.volatile || add(this, this.sendBuffer, packet, data);
      if (ack) register(this, packet, ack, flags);
      if (connected && (!flags.volatile || io.engine.transport.writable)) this.$transmit(packet);
      else if (!kept) drop(this, packet);
      this.$last = packet;
      return this;
    }
    emitWithAck(...args) {
      return promise(this, args);
    }
    packet(packet) {
      packet.nsp = this.nsp;
      this.io._packet(packet);
    }
    $transmit(packet) {
      callAll(this, this._anyOutgoingListeners, packet.data);
      this.packet(packet);
    }
    onopen() {
      const connect = (data) => this.packet({ type: CONNECT, data: this._pid ? { pid: this._pid, offset: this._lastOffset, ...data } : data });
      if (typeof this.auth == "function") this.auth(connect);
      else connect(this.auth);
    }
    onclose(reason, description) {
      this.connected = false;
      this.id = void 0;
      this.receiveBuffer = [];
      this.$emit("disconnect", reason, description);
      for (const id in this.acks) {
        if (!this.sendBuffer.some((packet) => packet.id == id)) fail(this, id, new Error("socket has been disconnected"));
      }
    }
    onpacket(packet) {
      const { nsp, type, data, id } = packet;
      if (nsp != this.nsp) return;
      if (type == CONNECT) {
        if (data?.sid) this.$onConnect(data);
        else this.$emit("connect_error", new Error("the server speaks Socket.IO 2"));
      } else if (type % 3 == EVENT) this.onevent(packet);
      else if (type % 3 == 0) {
        const ack = this.acks[id];
        delete this.acks[id];
        if (ack) ack.apply(this, ack.$withError ? [null, ...data || []] : data);
      } else {
        this.destroy();
        if (type == DISCONNECT) this.onclose("io server disconnect");
        else this.$emit("connect_error", Object.assign(new Error(data.message ?? data), { data: data.data }));
      }
    }
    /** An event; applications replace this method to see every packet. */
    onevent({ data = [], id }) {
      if (id != null) data.push(this.$ack(id));
      if (this.connected) this.$deliver(data);
      else this.receiveBuffer.push(data);
    }
    $deliver(args) {
      callAll(this, this._anyListeners, args);
      this.$emit(...args);
      const last = args[args.length - 1];
      if (this._pid && typeof last == "string") this._lastOffset = last;
    }
    /** The function that answers an event, once. */
    $ack(id) {
      let sent = false;
      return (...data) => {
        if (!sent) this.packet({ type: ACK, id, data });
        sent = true;
      };
    }
    $onConnect({ sid, pid }) {
      this.id = sid;
      this.recovered = !!pid && this._pid == pid;
      this._pid = pid;
      this.connected = true;
      for (const args of this.receiveBuffer.splice(0)) this.$deliver(args);
      for (const packet of this.sendBuffer.splice(0)) this.$transmit(packet);
      drain(this, true);
      this.$emit("connect");
    }
    destroy() {
      this.subs?.();
      this.subs = void 0;
      this.receiveBuffer = [];
      this.io._destroy();
    }
    /** Leaves the namespace; the connection closes when no other uses it. There will be no reconnection. */
    disconnect() {
      if (this.connected) this.packet({ type: DISCONNECT });
      this.destroy();
      if (this.connected) this.onclose("io client disconnect");
      return this;
    }
    /** Whether the next event may be compressed. */
    compress(compress) {
      this.flags.compress = compress;
      return this;
    }
    /** The next event is dropped where it cannot be sent at once. */
    get volatile() {
      this.flags.volatile = true;
      return this;
    }
    /** The next event's acknowledgement is called with an error when the answer takes longer, in milliseconds. */
    timeout(timeout) {
      this.flags.timeout = timeout;
      return this;
    }
    /**
     * Lets the next `emitWithAck` be given up: its promise rejects with the reason of the signal, and if the event was not sent yet
     * it never is.
     */
    signal(signal) {
      this.flags.signal = signal;
      return this;
    }
  }
  const proto$1 = Socket.prototype;
  proto$1.open = proto$1.connect;
  proto$1.close = proto$1.disconnect;
  addCatchAll(proto$1);

  const DEFAULTS = {
    reconnection: true,
    reconnectionAttempts: Infinity,
    reconnectionDelay: 1e3,
    reconnectionDelayMax: 5e3,
    randomizationFactor: 0.5,
    timeout: 2e4
  };
  class Manager extends Emitter {
    constructor(uri, opts) {
      super();
      /** The sockets by namespace. */
      this.nsps = {};
      this._readyState = "closed";
      this.subs = [];
      /** Applications replace `duration`, to wait as they like. */
      this.backoff = {
        attempts: 0,
        /** The next delay in milliseconds: doubled every time, moved up or down at random, and with a ceiling. */
        duration: () => Math.min(
          this._reconnectionDelayMax,
          2 ** this.backoff.attempts++ * this._reconnectionDelay * (1 + this._randomizationFactor * (2 * Math.random() - 1))
        ) | 0
      };
      if (uri && typeof uri == "object") {
        opts = uri;
        uri = void 0;
      }
      opts || (opts = {});
      opts.path || (opts.path = "/socket.io");
      this.opts = opts;
      this.uri = uri;
      for (const name in DEFAULTS) {
        const value = opts[name];
        this["_" + name] = (/n[AD]/.test(name) ? value || null : value) ?? DEFAULTS[name];
      }
      const parser = opts.parser || { Encoder, Decoder };
      this.encoder = new parser.Encoder();
      this.decoder = new parser.Decoder();
      if (this._autoConnect = opts.autoConnect !== false) this.open();
    }
    /** Connects, unless it is connected or connecting. With a callback, a failure does not start the attempts to reconnect. */
    open(fn) {
      if (this._readyState != "closed") return this;
      this.$cleanup();
      const { decoder } = this;
      const engine = this.engine = new Engine(this.uri, this.opts);
      this._readyState = "opening";
      this.skipReconnect = false;
      const onDecoded = (packet) => queueMicrotask(() => this.$emit("packet", packet));
      const fail = (err) => {
        this.$cleanup();
        this._readyState = "closed";
        this._reconnecting || (this._reconnecting = !fn && this._reconnection);
        this.$emit("error", err);
        if (this._reconnecting) this.reconnect();
        fn?.(err);
      };
      this.subs.push(
        listen(engine, {
          open: () => {
            this.$cleanup();
            this._readyState = "open";
            this._reconnecting = false;
            this.subs.push(
              listen(engine, {
                ping: () => this.$emit("ping"),
                data: (data) => {
                  try {
                    decoder.add(data);
                  } catch (err) {
                    this.onclose("parse error", err);
                  }
                },
                error: (err) => this.$emit("error", err),
                close: (reason, description) => this.onclose(reason, description)
              }),
              () => decoder.off("decoded", onDecoded)
            );
            decoder.on("decoded", onDecoded);
            this.$emit("open");
            fn?.();
          },
          error: fail,
          // A connection that ends before the handshake has come is a failure like any other.
          close: (reason) => fail(new Error(reason))
        })
      );
      if (this._timeout !== false) {
        this.subs.push(
          later(this, () => {
            fail(new Error("timeout"));
            engine.close();
          }, this._timeout)
        );
      }
      return this;
    }
    /** The socket of a namespace, made at the first call. */
    socket(nsp, opts) {
      var _a;
      const socket = (_a = this.nsps)[nsp] || (_a[nsp] = new Socket(this, nsp, opts));
      if (this._autoConnect && !socket.active) socket.connect();
      return socket;
    }
    /** A socket is done; the connection closes with the last one. @internal */
    _destroy() {
      if (!Object.values(this.nsps).some((socket) => socket.active)) this._close();
    }
    /** Sends a packet; its attachments follow it directly. @internal */
    _packet(packet) {
      this.engine.$send("message", this.encoder.encode(packet), packet.options);
    }
    $cleanup() {
      for (const off of this.subs) off();
      this.subs = [];
      this.decoder.destroy();
    }
    /** Same as `disconnect`. */
    _close() {
      this.skipReconnect = true;
      this._reconnecting = false;
      this.onclose("forced close");
    }
    onclose(reason, description) {
      this.$cleanup();
      this.engine?.close();
      this.backoff.attempts = 0;
      this._readyState = "closed";
      this.$emit("close", reason, description);
      if (this._reconnection) this.reconnect();
    }
    reconnect() {
      if (this.subs[0]) return this;
      this._reconnecting = false;
      if (this.skipReconnect) return this;
      const { backoff: state } = this;
      if (state.attempts >= this._reconnectionAttempts) {
        state.attempts = 0;
        return this.$emit("reconnect_failed");
      }
      this._reconnecting = true;
      const delay = state.duration();
      const { attempts } = state;
      const attempt = () => {
        if (this.skipReconnect) return;
        this.$emit("reconnect_attempt", attempts);
        if (this.skipReconnect) return;
        this.open((err) => {
          if (err) this.$emit("reconnect_error", err);
          else {
            state.attempts = 0;
            this.$emit("reconnect", attempts);
          }
        });
      };
      const wake = () => globalThis.document?.hidden || attempt();
      this.subs.push(later(this, attempt, delay), listen(globalThis, { online: wake, visibilitychange: wake }));
    }
  }
  const proto = Manager.prototype;
  proto.connect = proto.open;
  proto.disconnect = proto._close;
  for (const name in DEFAULTS) {
    proto[name] = function(value) {
      if (value === void 0) return this["_" + name];
      this["_" + name] = value;
      if (name == "reconnection" && !value) {
        this.skipReconnect = true;
        this._reconnecting = false;
      }
      return this;
    };
  }

  const cache = {};
  const lookup = ((uri, opts) => {
    if (uri && typeof uri == "object") {
      opts = uri;
      uri = void 0;
    }
    opts || (opts = {});
    const url = resolveUrl(uri);
    const [source, , , , path, query] = url;
    const id = url.slice(1, 4) + (opts.path || "/socket.io");
    const own = opts.forceNew || opts["force new connection"] || opts.multiplex === false || cache[id]?.nsps[path];
    const io = own ? new Manager(source, opts) : cache[id] || (cache[id] = new Manager(source, opts));
    if (query && !opts.query) opts.query = decodeQuery(query);
    return io.socket(path, opts);
  });
  Object.assign(lookup, { io: lookup, connect: lookup, lookup, Manager, Socket, protocol });

  if (typeof exports == "object" && typeof module == "object") module.exports = lookup;
  else if (typeof define == "function" && define.amd) define(() => lookup);
  else globalThis.io = lookup;

})();
//# sourceMappingURL=socket.io.js.map
