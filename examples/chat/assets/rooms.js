// The list of rooms, entering and leaving them, and making new ones.

import { ask } from "./connection.js";
import { byId, el, icon, show, showProblem } from "./dom.js";
import { hasDraft } from "./drafts.js";
import { current, isCurrent, me, on, putRoom, rooms, sortedRooms, tell, totalUnread } from "./state.js";
import { plural, problem, t } from "./texts.js";

const LAST = `chat.room.${me.key}`;

export const roomName = (room) => (room.lobby ? t("rooms.lobby") : room.name);
export const roomTopic = (room) => (room.lobby ? t("rooms.lobby_topic") : room.topic);

/** The room to open first: the one in the address, the last one, or the lobby. */
export function firstRoom() {
  const list = sortedRooms();
  const wanted = Number(location.hash.slice(1)) || Number(localStorage.getItem(LAST));
  return list.find((room) => room.id === wanted) ?? list.find((room) => room.lobby) ?? list[0];
}

export function rememberRoom(room) {
  localStorage.setItem(LAST, String(room.id));
  history.replaceState(null, "", `#${room.id}`);
}

/** Draws the list again, and keeps the keyboard where it was. */
export function drawRooms() {
  const focused = document.activeElement?.dataset?.room;
  const mine = [];
  const others = [];
  for (const room of sortedRooms()) (room.entered ? mine : others).push(entry(room));
  byId("my-rooms").replaceChildren(...mine);
  byId("other-rooms").replaceChildren(...others);
  show(byId("other-rooms-title"), others.length > 0);
  if (focused) document.querySelector(`.room[data-room="${CSS.escape(focused)}"]`)?.focus();

  const total = totalUnread();
  document.title = total > 0 ? `(${total}) ${t("app.name")}` : t("app.name");
  const badge = byId("all-unread");
  badge.textContent = total > 99 ? "99+" : String(total);
  const here = current();
  show(badge, total - (here?.entered ? here.unread : 0) > 0);
}

function entry(room) {
  const unread = room.entered && room.unread > 0;
  const name = roomName(room);
  const hint = room.entered
    ? hasDraft(room.id) && !isCurrent(room) && !unread
      ? el("span", { class: "draft-mark", "aria-hidden": "true" }, "✎")
      : null
    : el("span", { class: "enter-hint" }, t("rooms.enter"));
  const button = el(
    "button",
    {
      class: unread ? "room has-unread" : "room",
      type: "button",
      "data-room": String(room.id),
      "aria-current": isCurrent(room) ? "true" : null,
      title: name,
      onclick: () => tell("open", room.id),
    },
    el("span", { class: "room-mark", "aria-hidden": "true" }, room.lobby ? icon("home") : [...name][0].toUpperCase()),
    el("span", { class: "room-text" }, el("b", { dir: "auto" }, name), roomTopic(room) ? el("small", { dir: "auto" }, roomTopic(room)) : null),
    unread
      ? el("span", { class: "badge" }, room.unread > 99 ? "99+" : String(room.unread), el("span", { class: "hidden" }, ` ${plural("unread", room.unread)}`))
      : hint,
  );
  return el("li", {}, button);
}

/** The next room that is mine, in one direction; with `unread` the next with unread messages. */
export function neighbour(step, unread = false) {
  const list = sortedRooms().filter((room) => room.entered);
  const at = list.findIndex(isCurrent);
  for (let i = 1; i <= list.length; i += 1) {
    const room = list[(at + step * i + list.length * i) % list.length];
    if (room && !isCurrent(room) && (!unread || room.unread > 0)) return room;
  }
  return null;
}

const dialog = byId("new-room-dialog");
const nameField = byId("new-room-name");
const topicField = byId("new-room-topic");
const trouble = byId("new-room-problem");

export function openNewRoom() {
  if (me.guest || dialog.open) return;
  showProblem(trouble, null);
  dialog.showModal();
  nameField.focus();
}

byId("new-room")?.addEventListener("click", openNewRoom);

byId("new-room-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { room } = await ask("create", { name: nameField.value, topic: topicField.value });
    putRoom(room);
    nameField.value = "";
    topicField.value = "";
    dialog.close();
    tell("open", room.id);
  } catch (error) {
    showProblem(trouble, problem(error.code));
  }
});

byId("leave").addEventListener("click", async () => {
  const room = current();
  if (!room) return;
  try {
    await ask("leave", { room: room.id });
    left(room.id);
  } catch (error) {
    tell("trouble", problem(error.code));
  }
});

/** I have left a room, here or in another tab. */
export function left(id) {
  const room = rooms.get(id);
  if (!room) return;
  Object.assign(room, { entered: false, unread: 0, loaded: false, messages: [], notes: [] });
  room.people.clear();
  if (isCurrent(room)) tell("open", sortedRooms().find((one) => one.lobby)?.id);
  else drawRooms();
}

on("rooms", drawRooms);
