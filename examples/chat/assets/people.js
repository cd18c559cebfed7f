// Who is in the room, and who is typing.

import { avatar, byId, el } from "./dom.js";
import { current, me } from "./state.js";
import { t } from "./texts.js";

/** Somebody's typing is forgotten after this, if nothing more is heard. */
const TYPING_LASTS = 6_000;

/** Draws the people of the current room: those who are here first. */
export function drawPeople() {
  const room = current();
  const people = room ? [...room.people.values()] : [];
  const collator = new Intl.Collator(document.documentElement.lang, { sensitivity: "base" });
  people.sort((a, b) => Number(b.online) - Number(a.online) || collator.compare(a.name, b.name));
  byId("people").replaceChildren(...people.map(entry));
  byId("people-count").textContent = String(people.filter((person) => person.online).length);
}

function entry(person) {
  const what = [t(person.online ? "people.online" : "people.offline")];
  if (person.guest) what.unshift(t("guest.tag"));
  if (person.key === me.key) what.unshift(t("people.you"));
  return el(
    "li",
    { class: person.online ? "person online" : "person" },
    el("span", { class: "face" }, avatar(person.avatar, 36)),
    el("span", { class: "person-name" }, el("span", { dir: "auto" }, person.name), el("small", {}, what.join(" · "))),
  );
}

export function someoneTypes(room, { person, name, on }) {
  if (person === me.key) return;
  clearTimeout(room.typing.get(person)?.timer);
  if (on) {
    const timer = setTimeout(() => {
      room.typing.delete(person);
      drawTyping();
    }, TYPING_LASTS);
    room.typing.set(person, { name, timer });
  } else {
    room.typing.delete(person);
  }
  drawTyping();
}

export function drawTyping() {
  const names = [...(current()?.typing.values() ?? [])].map((one) => one.name);
  const [a, b] = names;
  let text = "";
  if (names.length === 1) text = t("typing.one", { a });
  else if (names.length === 2) text = t("typing.two", { a, b });
  else if (names.length > 2) text = t("typing.many");
  byId("typing").textContent = text;
}
