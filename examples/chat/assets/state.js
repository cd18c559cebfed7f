// What the page knows: who I am, the rooms, and in each room the people and the messages. Nothing here draws; those
// who draw listen.

const page = document.body.dataset;

export const me = { key: page.me, name: page.name, avatar: page.avatar, guest: page.guest === "true" };
export const limits = {
  message: Number(page.maxMessage),
  picture: Number(page.maxPicture),
  avatar: Number(page.maxAvatar),
};

/** Rooms by id. */
export const rooms = new Map();
let currentId = null;

const listeners = new Map();

/** Calls `listener` whenever `event` is told. */
export function on(event, listener) {
  if (!listeners.has(event)) listeners.set(event, []);
  listeners.get(event).push(listener);
}

export function tell(event, detail) {
  for (const listener of listeners.get(event) ?? []) listener(detail);
}

export const current = () => rooms.get(currentId) ?? null;
export const isCurrent = (room) => room !== undefined && room.id === currentId;

export function setCurrent(id) {
  currentId = id;
}

/** Takes over what the server says of a room, and keeps what only the page knows. */
export function putRoom(summary) {
  let room = rooms.get(summary.id);
  if (!room) {
    room = {
      people: new Map(),
      messages: [],
      notes: [],
      typing: new Map(),
      more: false,
      loaded: false,
      unreadFrom: null,
      scroll: null,
    };
    rooms.set(summary.id, room);
  }
  Object.assign(room, summary);
  return room;
}

/** The rooms as listed: the lobby, then by name. */
export function sortedRooms() {
  const collator = new Intl.Collator(document.documentElement.lang, { sensitivity: "base", numeric: true });
  return [...rooms.values()].sort((a, b) => Number(b.lobby) - Number(a.lobby) || collator.compare(a.name, b.name));
}

export const newest = (room) => room.messages.at(-1)?.id ?? 0;

/** Adds messages in their order, each once; returns those that are new to the page. */
export function addMessages(room, incoming) {
  const known = new Set(room.messages.map((message) => message.id));
  const fresh = incoming.filter((message) => !known.has(message.id));
  if (fresh.length > 0) {
    room.messages.push(...fresh);
    room.messages.sort((a, b) => a.id - b.id);
  }
  return fresh;
}

export function totalUnread() {
  let total = 0;
  for (const room of rooms.values()) if (room.entered) total += room.unread;
  return total;
}
