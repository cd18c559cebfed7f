// The conversation: what was said, who came and went, and what is still on its way.

import { ask } from "./connection.js";
import { avatar, byId, el, icon, isOnlyEmoji, linked, show } from "./dom.js";
import { discard, retry, waitingIn } from "./outbox.js";
import { roomName } from "./rooms.js";
import { addMessages, current, isCurrent, me, newest, tell } from "./state.js";
import { dayKey, dayName, fullTime, plural, problem, t, timeOfDay } from "./texts.js";

/** Messages of one person within this time are drawn as one group. */
const GROUP = 5 * 60 * 1000;
/** Closer to the end than this many pixels counts as reading along. */
const NEAR = 80;
const PHOTO = { width: 384, height: 320 };
const LOCAL_PICTURES = 30;

const log = byId("log");
const list = byId("messages");
const toNewest = byId("to-newest");
/** Drawn elements by key; an element is made again only when its signature changes. */
let drawn = new Map();
let drawnRoom = null;
let unseen = 0;
/** Pictures sent from here, by message id: shown from memory rather than loaded again. */
const localPictures = new Map();

const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;

/** Draws the current room. `scroll`: "end", "unread", "keep" what is seen, or null: stay at the end if there. */
export function drawMessages(scroll = null) {
  const room = current();
  if (!room) return;
  const switched = drawnRoom !== room.id;
  const wasAtEnd = atEnd();
  const fromEnd = log.scrollHeight - log.scrollTop;
  log.setAttribute("aria-busy", String(switched || !room.loaded || scroll === "keep"));
  if (switched) {
    drawn = new Map();
    list.replaceChildren();
    drawnRoom = room.id;
    unseen = 0;
  }
  place(lines(room));
  show(byId("older"), room.loaded && room.more);

  const mark = list.querySelector(".unread-line");
  if (scroll === "unread" && mark) log.scrollTop = Math.max(0, mark.offsetTop - log.clientHeight / 3);
  else if (scroll === "keep") log.scrollTop = log.scrollHeight - fromEnd;
  else if (scroll === "end" || scroll === "unread" || wasAtEnd) log.scrollTop = log.scrollHeight;
  afterScroll();
  if (room.loaded) setTimeout(() => log.setAttribute("aria-busy", String(!current()?.loaded)), 50);
}

/** Puts the elements of `wanted` into the list; those that are there already are not touched. */
function place(wanted) {
  const next = new Map();
  const nodes = wanted.map(({ key, signature, make }) => {
    const old = drawn.get(key);
    const entry = old?.signature === signature ? old : { signature, node: make() };
    next.set(key, entry);
    return entry.node;
  });
  drawn = next;
  const keep = new Set(nodes);
  for (const node of [...list.children]) if (!keep.has(node)) node.remove();
  let at = list.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else list.insertBefore(node, at);
  }
}

/** Everything to draw, in order: {key, signature, make}. */
function lines(room) {
  const out = [];
  const add = (key, signature, make) => out.push({ key, signature, make });
  if (room.loaded && !room.more) {
    const text = room.messages.length + waitingIn(room.id).length === 0 ? t("messages.empty") : t("messages.beginning", { room: roomName(room) });
    add("beginning", text, () => el("li", { class: "beginning" }, text));
  }
  let day = null;
  let before = null;
  let unreadDrawn = false;
  const dated = (at) => {
    const key = dayKey(at);
    if (key === day) return;
    day = key;
    before = null;
    add(`day ${key}`, dayName(at), () => el("li", { class: "day" }, dayName(at)));
  };
  const said = (message, state) => {
    dated(message.at);
    if (!unreadDrawn && room.unreadFrom !== null && message.id > room.unreadFrom && message.author !== me.key) {
      unreadDrawn = true;
      before = null;
      add("unread", "", () => el("li", { class: "unread-line" }, t("messages.unread")));
    }
    const goesOn = before !== null && before.author === message.author && message.at - before.at < GROUP;
    before = message;
    const signature = [state, goesOn, message.avatar, message.code].join();
    add(`message ${message.author} ${message.clientId}`, signature, () => bubble(message, state, goesOn));
  };
  const notes = [...room.notes];
  const notesUntil = (at) => {
    while (notes.length > 0 && notes[0].at <= at) {
      const one = notes.shift();
      dated(one.at);
      before = null;
      add(`note ${one.n}`, "", () => el("li", { class: "note" }, one.text, el("time", {}, timeOfDay(one.at))));
    }
  };
  for (const message of room.messages) {
    notesUntil(message.at);
    said(message, "sent");
  }
  notesUntil(Infinity);
  for (const item of waitingIn(room.id)) {
    const { width, height, url } = item.picture ?? {};
    if (url) rememberPicture(item.id, url);
    said({ ...item, clientId: item.id, id: Infinity, author: me.key, name: me.name, avatar: me.avatar, picture: url ? { width, height } : undefined }, item.state);
  }
  return out;
}

function rememberPicture(id, url) {
  if (localPictures.has(id)) return;
  localPictures.set(id, url);
  if (localPictures.size > LOCAL_PICTURES) {
    const [oldest, oldUrl] = localPictures.entries().next().value;
    localPictures.delete(oldest);
    URL.revokeObjectURL(oldUrl);
  }
}

function bubble(message, state, goesOn) {
  const mine = message.author === me.key;
  const emoji = !message.picture && isOnlyEmoji(message.text);
  const text = message.text ? el("p", {}, ...linked(message.text)) : null;
  const time = el("time", { dateTime: new Date(message.at).toISOString(), title: fullTime(message.at) }, timeOfDay(message.at));
  const body = el(
    "div",
    { class: emoji ? "bubble only-emoji" : "bubble" },
    message.picture ? photo(message) : null,
    text,
    el("span", { class: "meta" }, time, mine ? mark(state) : null),
  );
  const who = el("span", { class: "who" }, el("span", { dir: "auto" }, message.name), message.author.startsWith("g") ? el("small", {}, t("guest.tag")) : null);
  const classes = ["message", state];
  if (mine) classes.push("mine");
  if (goesOn) classes.push("goes-on");
  if (state === "pending" || Date.now() - message.at < 2_000) classes.push("arrived");
  return el(
    "li",
    { class: classes.join(" "), "data-id": message.clientId, "data-state": state },
    avatar(message.avatar, 38),
    el("div", {}, who, body, state === "failed" ? failure(message) : null),
  );
}

function mark(state) {
  const name = { pending: "clock", sent: "check", failed: "alert" }[state];
  const label = { pending: t("messages.pending"), sent: t("messages.sent"), failed: t("messages.failed") }[state];
  return el("span", { class: "mark", title: label }, icon(name), el("span", { class: "hidden" }, label));
}

function failure(message) {
  return el(
    "div",
    { class: "failure" },
    el("span", {}, problem(message.code)),
    el("button", { class: "quiet", type: "button", onclick: () => retry(message.clientId) }, t("messages.retry")),
    el("button", { class: "quiet", type: "button", onclick: () => discard(message.clientId) }, t("messages.discard")),
  );
}

function photo(message) {
  const { id, width, height } = message.picture;
  const src = localPictures.get(message.clientId) ?? `/pictures/${id}`;
  const scale = Math.min(1, PHOTO.width / width, PHOTO.height / height);
  const size = { width: Math.max(24, Math.round(width * scale)), height: Math.max(24, Math.round(height * scale)) };
  const alt = message.text || t("messages.picture", { name: message.name });
  return el(
    "button",
    { class: "photo", type: "button", "aria-label": t("messages.open_picture", { name: message.name }), onclick: () => tell("view", { src, alt }) },
    el("img", { src, alt, ...size, loading: "lazy", decoding: "async" }),
  );
}

/** Messages came in for a room. */
export function arrived(room, messages) {
  const fresh = addMessages(room, messages);
  if (fresh.length === 0) return;
  if (isCurrent(room)) {
    const reading = atEnd();
    if (!reading) unseen += fresh.filter((message) => message.author !== me.key).length;
    drawMessages();
  }
}

let noteNumber = 0;

/** Adds a line about somebody who came or went. */
export function note(room, text, at) {
  noteNumber += 1;
  room.notes.push({ n: noteNumber, text, at });
  if (room.notes.length > 100) room.notes.shift();
  if (isCurrent(room)) drawMessages();
}

let loading = false;

export async function loadOlder() {
  const room = current();
  const first = room?.messages[0];
  if (!first || !room.more || loading) return;
  loading = true;
  try {
    const page = await ask("history", { room: room.id, before: first.id });
    room.more = page.more;
    addMessages(room, page.messages);
    if (isCurrent(room)) drawMessages("keep");
  } catch (error) {
    tell("trouble", problem(error.code));
  } finally {
    loading = false;
  }
}

function afterScroll() {
  const end = atEnd();
  if (end) unseen = 0;
  show(toNewest, !end);
  byId("to-newest-text").textContent = unseen > 0 ? plural("messages.new", unseen) : t("messages.newest");
  if (end) tell("read");
}

let reported = 0;

/** Tells the server how far the current room has been read: to the end, if somebody is looking. */
export function reportRead() {
  const room = current();
  if (!room?.loaded || !room.entered || document.visibilityState !== "visible" || !document.hasFocus() || !atEnd()) return;
  const upTo = newest(room);
  if (upTo <= (room.readUpTo ?? 0) && room.unread === 0) return;
  room.unread = 0;
  room.readUpTo = Math.max(upTo, room.readUpTo ?? 0);
  tell("rooms");
  clearTimeout(reported);
  reported = setTimeout(() => {
    // Not being able to say so is no loss: the next time says it too.
    ask("read", { room: room.id, upTo }).catch(() => {});
  }, 250);
}

log.addEventListener("scroll", () => {
  afterScroll();
  if (log.scrollTop < 120) loadOlder();
}, { passive: true });
byId("older").addEventListener("click", loadOlder);
toNewest.addEventListener("click", () => {
  log.scrollTop = log.scrollHeight;
  byId("text").focus();
});
new ResizeObserver(() => {
  if (unseen === 0 && toNewest.hidden) log.scrollTop = log.scrollHeight;
}).observe(log);
