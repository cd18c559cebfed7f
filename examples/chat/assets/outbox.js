// Messages on their way. Each has an id made here, so that sending it again, after whatever happened, never doubles it;
// texts are kept in the browser until the server has confirmed them.

import { askWithin, isConnected, Refused } from "./connection.js";
import { addMessages, me, on, rooms, tell } from "./state.js";

const PREFIX = `chat.outbox.${me.key}.`;
/** Each tab keeps its own list, so that none overwrites another's. */
const KEY = PREFIX + newId();
const TEXT_WITHIN = 10_000;
const PICTURE_WITHIN = 60_000;
/** Without an answer, a message is tried so often while the connection stands. */
const TRIES = 3;

/** Waiting, in order: {id, room, text, at, state: "pending" | "failed", code, picture?: {bytes, url, width, height}}. */
const waiting = load();
const busy = new Set();

export const waitingIn = (room) => waiting.filter((item) => item.room === room);

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Puts a message in line. */
export function send(room, text, picture = null) {
  const item = { id: newId(), room, text, at: Date.now(), state: "pending", tries: 0, picture };
  waiting.push(item);
  save();
  tell("outbox", room);
  run(room);
}

export function retry(id) {
  const item = waiting.find((one) => one.id === id);
  if (!item) return;
  Object.assign(item, { state: "pending", tries: 0, code: null });
  save();
  tell("outbox", item.room);
  run(item.room);
}

export function discard(id) {
  const item = waiting.find((one) => one.id === id);
  if (item) remove(item);
}

/** Sends what waits in every room: after connecting. */
export function runAll() {
  for (const room of new Set(waiting.map((item) => item.room))) run(room);
}

/** Forgets everything: whoever logs out takes it along. */
export function forgetOutbox() {
  waiting.length = 0;
  save();
}

/** Sends a room's messages one after another, so that they arrive in the order they were written. */
async function run(roomId) {
  if (busy.has(roomId)) return;
  busy.add(roomId);
  try {
    for (;;) {
      const item = waiting.find((one) => one.room === roomId && one.state === "pending");
      if (!item || !isConnected() || !rooms.get(roomId)?.entered) return;
      await attempt(item);
    }
  } finally {
    busy.delete(roomId);
  }
}

async function attempt(item) {
  item.tries += 1;
  try {
    const message = { room: item.room, id: item.id, text: item.text };
    const answer = item.picture
      ? await askWithin(PICTURE_WITHIN, "picture", message, item.picture.bytes)
      : await askWithin(TEXT_WITHIN, "say", message);
    confirmed(item, answer.message);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code === "offline") {
      item.tries = 0;
    } else if (error.code === "too_fast") {
      await new Promise((resolve) => setTimeout(resolve, Math.max(error.wait, 500)));
    } else if (error.code !== "no_answer" || item.tries >= TRIES) {
      Object.assign(item, { state: "failed", code: error.code });
      save();
      tell("outbox", item.room);
    }
  }
}

function confirmed(item, message) {
  const room = rooms.get(item.room);
  if (room) addMessages(room, [message]);
  remove(item, message);
}

/** A message of mine came in by another way (another tab, or history): it is not on its way any more. */
on("messages", ({ messages }) => {
  for (const message of messages) {
    if (message.author !== me.key) continue;
    const item = waiting.find((one) => one.id === message.clientId);
    if (item) remove(item, message);
  }
});

function remove(item, message = null) {
  const at = waiting.indexOf(item);
  if (at < 0) return;
  waiting.splice(at, 1);
  save();
  tell("outbox", item.room);
  if (message) tell("confirmed", { room: item.room, message });
}

function save() {
  const texts = waiting.filter((item) => !item.picture);
  try {
    if (texts.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(texts));
  } catch (error) {
    console.warn("the waiting messages could not be kept", error);
  }
}

/** Takes over what earlier tabs left behind. Where such a tab is still open both send; the server sorts it out. */
function load() {
  const found = [];
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    try {
      found.push(...JSON.parse(localStorage.getItem(key)));
    } catch (error) {
      console.warn("kept messages could not be read", error);
    }
    localStorage.removeItem(key);
  }
  const items = found.map((item) => ({ ...item, picture: null, tries: 0 }));
  items.sort((a, b) => a.at - b.at);
  if (items.length > 0) localStorage.setItem(KEY, JSON.stringify(items));
  return items;
}
