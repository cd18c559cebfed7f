// The keyboard, the panes that slide in on narrow screens, and closing what is open.

import { byId } from "./dom.js";
import { choosePicture, focusComposer } from "./composer.js";
import { neighbour, openNewRoom } from "./rooms.js";
import { tell } from "./state.js";

const app = document.querySelector(".app");
const keysDialog = byId("keys-dialog");
let opener = null;

function openPane(name, button) {
  opener = button;
  app.classList.add(`${name}-open`);
  button.setAttribute("aria-expanded", "true");
  byId(`${name}-pane`).querySelector("button, [tabindex]")?.focus();
}

/** Closes the panes; the keyboard goes back to where it came from. True if one was open. */
export function closePanes({ refocus = true } = {}) {
  const open = app.classList.contains("rooms-open") || app.classList.contains("people-open");
  app.classList.remove("rooms-open", "people-open");
  opener?.setAttribute("aria-expanded", "false");
  if (open && refocus) opener?.focus();
  opener = null;
  return open;
}

for (const name of ["rooms", "people"]) {
  const button = byId(`open-${name}`);
  button.addEventListener("click", () => openPane(name, button));
}
for (const button of document.querySelectorAll("[data-close-pane]")) button.addEventListener("click", () => closePanes());
for (const button of document.querySelectorAll("[data-close-dialog]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
byId("show-keys").addEventListener("click", () => keysDialog.showModal());

const isField = (node) => node instanceof HTMLElement && node.matches("input, textarea");

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.isComposing) return;
  if (event.key === "Escape") {
    if (!closePanes()) focusComposer();
    return;
  }
  if (event.key === "?" && !isField(event.target)) {
    event.preventDefault();
    keysDialog.showModal();
    return;
  }
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const action = shortcut(event);
  if (action) {
    event.preventDefault();
    action();
  }
});

function shortcut(event) {
  const go = (step, unread) => () => {
    const room = neighbour(step, unread);
    if (room) tell("open", room.id);
  };
  switch (event.code) {
    case "ArrowUp":
      return go(-1, event.shiftKey);
    case "ArrowDown":
      return go(1, event.shiftKey);
    case "KeyN":
      return openNewRoom;
    case "KeyP":
      return choosePicture;
    default:
      return null;
  }
}
