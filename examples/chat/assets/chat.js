// The chat's page, put together: what the server tells, and what follows from it. The events are those of README.md.

import "./theme.js";
import { showMyAvatar } from "./account.js";
import { focusComposer, openComposer } from "./composer.js";
import { ask, connect, socket } from "./connection.js";
import { byId, show } from "./dom.js";
import { closePanes } from "./keys.js";
import { arrived, drawMessages, note, reportRead } from "./messages.js";
import { runAll } from "./outbox.js";
import { drawPeople, drawTyping, someoneTypes } from "./people.js";
import { drawRooms, firstRoom, left, rememberRoom, roomName, roomTopic } from "./rooms.js";
import { current, isCurrent, me, newest, on, putRoom, rooms, setCurrent, tell } from "./state.js";
import { problem, t } from "./texts.js";

/** Pages of missed messages to fetch before rather starting again at the newest. */
const CATCH_UP = 5;

/** Shows a room, entering it where that has not happened yet. */
async function open(id) {
  const room = rooms.get(id);
  if (!room) return;
  if (!isCurrent(room)) {
    tell("leaving");
    const before = current();
    if (before) before.unreadFrom = null;
    if (room.entered && room.unread > 0) room.unreadFrom = room.readUpTo;
  }
  setCurrent(id);
  rememberRoom(room);
  closePanes({ refocus: false });
  drawHead();
  drawRooms();
  openComposer();
  drawPeople();
  drawTyping();
  drawMessages(room.unreadFrom === null ? "end" : "unread");
  if (!matchMedia("(pointer: coarse)").matches) focusComposer();
  await enter(room);
}

/** Enters a room (again): its people and newest messages, or those that were missed. */
async function enter(room) {
  try {
    const answer = await ask("enter", { room: room.id });
    const wasIn = room.entered;
    putRoom({ ...answer.room, unread: wasIn ? room.unread : 0 });
    room.people = new Map(answer.people.map((person) => [person.key, person]));
    if (!room.loaded || !(await catchUp(room))) {
      room.messages = [];
      room.more = answer.page.more;
      room.loaded = true;
      tell("messages", { room, messages: answer.page.messages });
    }
  } catch (error) {
    if (error.code === undefined) throw error;
    if (error.code !== "offline" && isCurrent(room)) tell("trouble", problem(error.code));
    return;
  }
  runAll();
  drawRooms();
  if (!isCurrent(room)) return;
  drawHead();
  drawPeople();
  drawMessages(room.unreadFrom === null ? null : "unread");
  reportRead();
}

/** Fetches what was said since the connection broke. False where that is too much. */
async function catchUp(room) {
  if (room.missedFrom === undefined) return true;
  for (let page = 0; page < CATCH_UP; page += 1) {
    const missed = await ask("history", { room: room.id, after: Math.max(room.missedFrom, 0) });
    tell("messages", { room, messages: missed.messages });
    room.missedFrom = missed.messages.at(-1)?.id ?? room.missedFrom;
    if (!missed.more) {
      room.missedFrom = undefined;
      return true;
    }
  }
  room.missedFrom = undefined;
  return false;
}

function drawHead() {
  const room = current();
  if (!room) return;
  byId("room-name").textContent = roomName(room);
  byId("room-topic").textContent = roomTopic(room);
  show(byId("leave"), room.entered && !room.lobby);
}

on("open", open);
on("read", reportRead);
on("outbox", (room) => {
  if (isCurrent(rooms.get(room))) drawMessages();
});
on("confirmed", ({ room }) => {
  if (isCurrent(rooms.get(room))) drawMessages();
});
on("messages", ({ room, messages }) => arrived(room, messages));
on("disconnected", () => {
  for (const room of rooms.values()) {
    if (room.loaded && room.missedFrom === undefined) room.missedFrom = newest(room);
    for (const one of room.typing.values()) clearTimeout(one.timer);
    room.typing.clear();
  }
  drawTyping();
});
on("avatar", newAvatar);

/** The first thing after every connect: who I am and how the rooms stand. */
socket.on("state", async (state) => {
  if (state.me.key !== me.key) {
    location.reload();
    return;
  }
  const guestIn = new Set([...rooms.values()].filter((room) => me.guest && room.entered).map((room) => room.id));
  const known = new Set(state.rooms.map((room) => room.id));
  for (const id of [...rooms.keys()]) if (!known.has(id)) rooms.delete(id);
  for (const summary of state.rooms) putRoom(summary);
  const first = current() ?? firstRoom();
  // A guest's rooms live in this page alone.
  await Promise.all([...guestIn].filter((id) => id !== first.id && rooms.has(id)).map((id) => enter(rooms.get(id))));
  if (current()) {
    drawRooms();
    await enter(first);
  } else {
    await open(first.id);
  }
  for (const room of rooms.values()) {
    if (room.loaded && room.entered && !isCurrent(room)) await enter(room);
  }
  runAll();
});

socket.on("room", ({ room }) => {
  if (!rooms.has(room.id)) putRoom({ ...room, entered: false, unread: 0, readUpTo: 0 });
  drawRooms();
});

socket.on("message", (message) => {
  const room = rooms.get(message.room);
  if (!room) return;
  if (message.author !== me.key) {
    someoneTypes(room, { person: message.author, name: message.name, on: false });
    room.unread += 1;
  }
  if (room.loaded) tell("messages", { room, messages: [message] });
  if (isCurrent(room)) reportRead();
  drawRooms();
});

socket.on("entered", ({ room: id, person, fresh, at }) => {
  const room = rooms.get(id);
  if (!room) return;
  room.people.set(person.key, { ...person, online: true });
  if (fresh && person.key !== me.key) note(room, t("people.entered", { name: person.name }), at);
  if (isCurrent(room)) drawPeople();
});

socket.on("left", ({ room: id, person, name, at }) => {
  const room = rooms.get(id);
  if (!room) return;
  if (person === me.key) {
    left(id);
    return;
  }
  room.people.delete(person);
  someoneTypes(room, { person, name, on: false });
  note(room, t("people.left", { name }), at);
  if (isCurrent(room)) drawPeople();
});

socket.on("away", ({ room: id, person }) => {
  const room = rooms.get(id);
  const who = room?.people.get(person);
  if (!who) return;
  who.online = false;
  if (isCurrent(room)) drawPeople();
});

/** Another tab of mine has entered a room. */
socket.on("joined", ({ room }) => {
  putRoom(room);
  drawRooms();
});

socket.on("typing", ({ room, person, name, on: isOn }) => {
  if (rooms.has(room)) someoneTypes(rooms.get(room), { person, name, on: isOn });
});

/** Another tab of mine has read. */
socket.on("read", ({ room: id, upTo }) => {
  const room = rooms.get(id);
  if (!room) return;
  room.readUpTo = Math.max(room.readUpTo ?? 0, upTo);
  if (newest(room) <= upTo || !room.loaded) room.unread = 0;
  drawRooms();
});

socket.on("avatar", newAvatar);

function newAvatar({ person, avatar }) {
  if (person === me.key) {
    me.avatar = avatar;
    showMyAvatar();
  }
  for (const room of rooms.values()) {
    const who = room.people.get(person);
    if (who) who.avatar = avatar;
    for (const message of room.messages) if (message.author === person) message.avatar = avatar;
  }
  drawPeople();
  drawMessages();
}

document.addEventListener("visibilitychange", reportRead);
addEventListener("focus", reportRead);
addEventListener("hashchange", () => {
  const id = Number(location.hash.slice(1));
  if (rooms.has(id) && !isCurrent(rooms.get(id))) open(id);
});

connect();
