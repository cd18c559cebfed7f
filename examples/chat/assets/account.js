// One's own picture, and leaving no traces when logging out.

import { byId, showProblem } from "./dom.js";
import { forgetDrafts } from "./drafts.js";
import { forgetOutbox } from "./outbox.js";
import { NotAPicture, prepare } from "./pictures.js";
import { limits, me, tell } from "./state.js";
import { problem } from "./texts.js";

/** The side of an avatar, in pixels. */
const SIDE = 256;

const dialog = byId("account-dialog");
const trouble = byId("account-problem");
const files = byId("avatar-file");

byId("account")?.addEventListener("click", () => {
  showProblem(trouble, null);
  dialog.showModal();
});
byId("avatar-choose").addEventListener("click", () => files.click());
files.addEventListener("change", async () => {
  const [file] = files.files;
  files.value = "";
  if (!file) return;
  try {
    const picture = await prepare(file, { maxBytes: limits.avatar, side: SIDE });
    URL.revokeObjectURL(picture.url);
    await post("/account/avatar", picture.bytes);
  } catch (error) {
    if (!(error instanceof NotAPicture)) throw error;
    showProblem(trouble, problem(error.message));
  }
});
byId("avatar-remove").addEventListener("click", () => post("/account/avatar/remove", null));

async function post(path, body) {
  showProblem(trouble, null);
  try {
    const response = await fetch(path, { method: "POST", body, headers: { "x-csrf-token": document.body.dataset.csrf } });
    const answer = await response.json();
    if (answer.error) {
      showProblem(trouble, problem(answer.error));
      return;
    }
    tell("avatar", { person: me.key, avatar: answer.avatar });
  } catch {
    showProblem(trouble, problem("offline"));
  }
}

export function showMyAvatar() {
  byId("my-avatar").src = me.avatar;
  byId("account-avatar").src = me.avatar;
}

byId("logout").addEventListener("submit", () => {
  forgetDrafts();
  forgetOutbox();
});
