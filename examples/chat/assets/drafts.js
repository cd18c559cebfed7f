// What is being typed in each room, kept in the browser until it is sent: a reload or a crash takes nothing away.

import { me } from "./state.js";

const prefix = `chat.draft.${me.key}.`;

// What earlier guests left on this device belongs to nobody any more.
for (const key of Object.keys(localStorage)) {
  if (/^chat\.(draft|outbox|room)\.g/.test(key) && key.split(".")[2] !== me.key) localStorage.removeItem(key);
}

export function draft(room) {
  return read(prefix + room) ?? "";
}

export function keepDraft(room, text) {
  if (text) write(prefix + room, text);
  else localStorage.removeItem(prefix + room);
}

export function hasDraft(room) {
  return draft(room).trim() !== "";
}

/** Forgets what belongs to whoever logs out on this device. */
export function forgetDrafts() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(prefix)) localStorage.removeItem(key);
  }
}

function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch (error) {
    console.warn("the draft could not be kept", error);
  }
}
