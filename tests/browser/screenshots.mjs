// Pictures of the chat for the documentation, taken from the real thing: `node screenshots.mjs DIR`.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { drawPicture, launch, Somebody } from "./lib/people.mjs";
import { Chat } from "./lib/server.mjs";

const folder = resolve(process.argv[2] ?? ".");
await mkdir(folder, { recursive: true });
// Early evening, wherever that is just now.
const east = ((18 - new Date().getUTCHours() + 36) % 24) - 12;
const timezoneId = `Etc/GMT${east < 0 ? "+" : "-"}${Math.abs(east)}`;

const chat = await Chat.start();
const browser = await launch();
try {
  const lucia = await Somebody.arrive(browser, "Lucía Ferrer", chat.url, { timezoneId });
  const marco = await Somebody.arrive(browser, "Marco", chat.url, { timezoneId });
  const noor = await Somebody.arrive(browser, "Noor Haddad", chat.url, {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    colorScheme: "light",
    locale: "es-ES",
    timezoneId,
  });
  const guest = await Somebody.arrive(browser, "Pepa", chat.url, { timezoneId });
  for (const one of [lucia, marco, noor]) await one.register();
  await guest.lookIn();

  await lucia.createRoom("Sierra", "Weekend hikes, weather, and who drives");
  await marco.room("Sierra").waitFor();
  for (const one of [marco, noor]) {
    if (one === noor) await noor.page.tap("#open-rooms");
    await one.open("Sierra");
  }
  await marco.createRoom("Recipes", "Slow food for short evenings");
  await marco.open("Sierra");
  await lucia.open("Recipes");
  await lucia.open("Sierra");

  const conversation = [
    [lucia, "Saturday looks clear until four. Peñalara?"],
    [marco, "I'm in! I can drive, three seats free."],
    [noor, "Me too 🙋🏽 what time do we leave?"],
    [lucia, "Half past seven at the fountain.\nBring something warm, it is windy up there."],
  ];
  for (const [who, text] of conversation) {
    await who.page.fill("#text", text);
    await (who === noor ? who.page.tap("#send") : who.page.press("#text", "Enter"));
    await lucia.sees(text.split("\n")[0]);
  }
  const photo = await drawPicture(lucia.page, { width: 1_200, height: 720, type: "image/jpeg" });
  await lucia.page.setInputFiles("#file", { name: "view.jpg", mimeType: "image/jpeg", buffer: photo });
  await lucia.page.locator("#picked img").waitFor();
  await lucia.say("This was last week from the top");
  await marco.seesPictures(1);
  await marco.say("🤩");
  await noor.page.fill("#text", "That light! See you on Saturday.");
  await noor.page.tap("#send");
  await marco.open("Recipes");
  await marco.say("Tonight: lentils with smoked paprika.");
  await marco.say("Who wants the recipe?");
  await marco.open("Sierra");
  await marco.page.locator("#text").pressSequentially("I'll bring cof");

  const bottom = (who) => who.page.locator("#log").evaluate((log) => (log.scrollTop = log.scrollHeight));
  const take = async (who, name) => {
    await bottom(who);
    await who.page.waitForTimeout(500);
    await who.page.screenshot({ path: join(folder, `chat-${name}.png`) });
    console.log(`chat-${name}.png`);
  };
  await take(lucia, "desktop");
  await lucia.page.emulateMedia({ colorScheme: "dark" });
  await take(lucia, "dark");
  await take(noor, "phone");
} finally {
  await browser.close();
  await chat.remove();
}
