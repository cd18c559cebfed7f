// Pictures: made small enough and free of what a camera writes into them, before they leave the browser.

import { byId } from "./dom.js";
import { limits, on } from "./state.js";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/** The longest side of what is sent, in pixels. */
const SIDE = 2_048;

/** Why a file can't be sent: a key of `problem.`. */
export class NotAPicture extends Error {}

export const isPicture = (file) => TYPES.includes(file.type);

/** A file's picture as it will be sent: {bytes, url, width, height}. */
export async function prepare(file, { maxBytes = limits.picture, side = SIDE } = {}) {
  if (!isPicture(file)) throw new NotAPicture("not_a_picture");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new NotAPicture("not_a_picture");
  }
  try {
    const fits = file.size <= maxBytes && Math.max(bitmap.width, bitmap.height) <= side;
    // Photos are always drawn anew: that turns them upright and leaves out where they were taken.
    const { blob, width, height } =
      fits && file.type !== "image/jpeg" ? { blob: file, width: bitmap.width, height: bitmap.height } : await redraw(bitmap, file, maxBytes, side);
    return { bytes: await blob.arrayBuffer(), url: URL.createObjectURL(blob), width, height };
  } finally {
    bitmap.close();
  }
}

async function redraw(bitmap, file, maxBytes, side) {
  const type = file.type === "image/jpeg" ? "image/jpeg" : "image/webp";
  for (const [limit, quality] of [[side, 0.88], [side, 0.72], [side * 0.6, 0.7], [side * 0.35, 0.6]]) {
    const scale = Math.min(1, limit / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale));
    const height = Math.max(1, Math.round(bitmap.height * scale));
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
    const blob = await canvas.convertToBlob({ type, quality });
    if (blob.size <= maxBytes) return { blob, width, height };
  }
  throw new NotAPicture("picture_too_large");
}

on("view", ({ src, alt }) => {
  const picture = byId("viewer-picture");
  picture.src = src;
  picture.alt = alt;
  byId("viewer").showModal();
});

byId("viewer").addEventListener("click", (event) => {
  if (event.target === byId("viewer")) byId("viewer").close();
});
