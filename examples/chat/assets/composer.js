// Writing: the text field, pictures waiting to be sent along, and telling others that somebody types.

import { mention } from "./connection.js";
import { byId, el, icon, show, showProblem } from "./dom.js";
import { draft, keepDraft } from "./drafts.js";
import { drawMessages } from "./messages.js";
import { send } from "./outbox.js";
import { isPicture, NotAPicture, prepare } from "./pictures.js";
import { current, limits, me, on, tell } from "./state.js";
import { problem, t } from "./texts.js";

/** Typing is told at most so often, and taken back after such a pause. */
const TYPING_EVERY = 3_000;
const TYPING_PAUSE = 4_500;
const MAX_PICKED = 6;

const field = byId("text");
const trouble = byId("composer-problem");
const attach = byId("attach");
const files = byId("file");
/** Pictures that will go with the next message, by room. */
const picked = new Map();

const pickedHere = () => picked.get(current()?.id) ?? [];

/** Shows the draft of the current room. */
export function openComposer() {
  const room = current();
  const mayWrite = room !== null && (!me.guest || room.lobby);
  field.value = room ? draft(room.id) : "";
  field.disabled = !mayWrite;
  field.placeholder = mayWrite ? t("composer.label") : t("composer.guest");
  show(attach, !me.guest);
  showProblem(trouble, null);
  drawPicked();
  fit();
}

export function focusComposer() {
  field.focus();
}

function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 3}px`;
  byId("send").disabled = field.disabled || (field.value.trim() === "" && pickedHere().length === 0);
}

let toldAt = 0;
let toldIn = null;
let pause = 0;

function typing(isTyping) {
  const room = current();
  clearTimeout(pause);
  if (!isTyping || toldIn !== room?.id) {
    if (toldIn !== null) mention("typing", { room: toldIn, on: false });
    toldIn = null;
    toldAt = 0;
  }
  if (!isTyping || !room) return;
  if (Date.now() - toldAt > TYPING_EVERY) {
    toldAt = Date.now();
    toldIn = room.id;
    mention("typing", { room: room.id, on: true });
  }
  pause = setTimeout(() => typing(false), TYPING_PAUSE);
}

field.addEventListener("input", () => {
  const room = current();
  if (!room) return;
  keepDraft(room.id, field.value);
  const left = limits.message - [...field.value].length;
  showProblem(trouble, left < 200 ? t("composer.left", { n: left }) : null);
  typing(field.value.trim() !== "");
  fit();
});

field.addEventListener("keydown", (event) => {
  const onPhone = matchMedia("(pointer: coarse) and (max-width: 760px)").matches;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !onPhone) {
    event.preventDefault();
    submit();
  }
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

function submit() {
  const room = current();
  if (!room || field.disabled) return;
  let text = field.value.trim();
  const pictures = pickedHere();
  if (text === "" && pictures.length === 0) return;
  picked.delete(room.id);
  room.unreadFrom = null;
  for (const picture of pictures) {
    send(room.id, text, picture);
    text = "";
  }
  if (text !== "") send(room.id, text);
  field.value = "";
  keepDraft(room.id, "");
  showProblem(trouble, null);
  typing(false);
  drawPicked();
  fit();
  drawMessages("end");
  field.focus();
}

function drawPicked() {
  const pictures = pickedHere();
  const box = byId("picked");
  show(box, pictures.length > 0);
  box.replaceChildren(
    ...pictures.map((picture) =>
      el(
        "figure",
        {},
        el("img", { src: picture.url, alt: "" }),
        el("button", { type: "button", class: "icon", "aria-label": t("composer.remove"), onclick: () => unpick(picture) }, icon("close")),
      ),
    ),
  );
}

function unpick(picture) {
  const room = current();
  picked.set(room.id, pickedHere().filter((one) => one !== picture));
  URL.revokeObjectURL(picture.url);
  drawPicked();
  fit();
  field.focus();
}

/** Takes files along with the next message. */
async function pick(list) {
  const room = current();
  if (!room || list.length === 0) return;
  if (me.guest) {
    showProblem(trouble, problem("guests_may_not"));
    return;
  }
  showProblem(trouble, null);
  for (const file of [...list].slice(0, MAX_PICKED)) {
    try {
      const picture = await prepare(file);
      const before = picked.get(room.id) ?? [];
      if (before.length < MAX_PICKED) picked.set(room.id, [...before, picture]);
    } catch (error) {
      if (!(error instanceof NotAPicture)) throw error;
      showProblem(trouble, problem(error.message));
    }
  }
  drawPicked();
  fit();
  field.focus();
}

export function choosePicture() {
  if (!me.guest) files.click();
}

attach.addEventListener("click", choosePicture);
files.addEventListener("change", async () => {
  await pick(files.files);
  files.value = "";
});

field.addEventListener("paste", (event) => {
  const pictures = [...(event.clipboardData?.files ?? [])].filter(isPicture);
  if (pictures.length === 0) return;
  event.preventDefault();
  pick(pictures);
});

const drop = byId("drop");
let depth = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth += 1;
  show(drop, true);
});
addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  depth = Math.max(0, depth - 1);
  if (depth === 0) show(drop, false);
});
addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  show(drop, false);
  pick(event.dataTransfer.files);
});

on("leaving", () => typing(false));
on("trouble", (text) => showProblem(trouble, text));
addEventListener("pagehide", () => tell("leaving"));
