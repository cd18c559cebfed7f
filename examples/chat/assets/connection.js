// The socket: connecting, saying so, and asking the server for things.

import { byId, show } from "./dom.js";
import { tell } from "./state.js";
import { problem, t } from "./texts.js";

const ANSWER_WITHIN = 10_000;
const BACK_SHOWN_FOR = 2_500;

/** Something the server refused, or did not answer. */
export class Refused extends Error {
  constructor(code, wait = 0) {
    super(code);
    this.code = code;
    /** After how many milliseconds it may be tried again. */
    this.wait = wait;
  }
}

export const socket = io({ autoConnect: false, reconnectionDelay: 500, reconnectionDelayMax: 8_000 });

export const isConnected = () => socket.connected;

/** Asks the server and waits for its answer. Throws `Refused`. */
export async function ask(event, ...args) {
  return askWithin(ANSWER_WITHIN, event, ...args);
}

export async function askWithin(milliseconds, event, ...args) {
  if (!socket.connected) throw new Refused("offline");
  let answer;
  try {
    answer = await socket.timeout(milliseconds).emitWithAck(event, ...args);
  } catch {
    throw new Refused(socket.connected ? "no_answer" : "offline");
  }
  if (answer?.error) throw new Refused(answer.error, (answer.wait ?? 0) * 1000);
  return answer;
}

/** Tells the server something that is worth nothing later. */
export function mention(event, ...args) {
  if (socket.connected) socket.emit(event, ...args);
}

const banner = byId("banner");
const text = byId("banner-text");
const now = byId("reconnect");
let wasConnected = false;
let hiding = 0;
let retry = 0;

function say(message, { good = false, button = false } = {}) {
  clearTimeout(hiding);
  banner.classList.toggle("good", good);
  if (text.textContent !== message) text.textContent = message;
  show(now, button);
  show(banner, true);
}

function lost() {
  say(`${t("banner.lost")} ${t("banner.kept")}`, { button: true });
}

function tryAgainIn(milliseconds) {
  clearTimeout(retry);
  retry = setTimeout(() => socket.connect(), milliseconds);
}

socket.on("connect", () => {
  clearTimeout(retry);
  document.body.dataset.connected = "true";
  if (wasConnected) {
    say(t("banner.back"), { good: true });
    hiding = setTimeout(() => show(banner, false), BACK_SHOWN_FOR);
  } else {
    show(banner, false);
  }
  wasConnected = true;
});

socket.on("disconnect", (reason) => {
  document.body.dataset.connected = "false";
  tell("disconnected");
  lost();
  // The library comes back by itself, except where the server has ended this socket on purpose.
  if (reason === "io server disconnect") tryAgainIn(1_000);
});

socket.on("connect_error", (error) => {
  if (error.message === "unauthorized") {
    location.assign("/login");
    return;
  }
  if (socket.active) {
    if (wasConnected) lost();
    else say(t("banner.connecting"), { button: true });
    return;
  }
  say(t("banner.refused", { why: problem(error.message) }), { button: true });
  tryAgainIn(5_000);
});

socket.on("ended", () => location.assign("/login"));

now.addEventListener("click", () => {
  clearTimeout(retry);
  socket.disconnect();
  lost();
  socket.connect();
});

// A phone that wakes up should not sit out the rest of a long pause.
for (const event of ["online", "focus"]) {
  addEventListener(event, () => {
    if (!socket.connected && wasConnected) now.click();
  });
}

export function connect() {
  say(t("banner.connecting"));
  socket.connect();
}
