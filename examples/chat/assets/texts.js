// The texts of the page's language, and dates in the reader's own way.

const language = document.documentElement.lang;
const response = await fetch(document.body.dataset.texts);
if (!response.ok) throw new Error(`the texts did not load: ${response.status}`);
const texts = await response.json();
const plurals = new Intl.PluralRules(language);

/** The text of a key, with its {placeholders} filled in. */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The text for a number of things: `key.one`, `key.other`. */
export function plural(key, n) {
  const form = plurals.select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n });
}

/** What went wrong, in words. */
export function problem(code) {
  return texts[`problem.${code}`] ?? texts["problem.internal"];
}

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" });

export const timeOfDay = (at) => clock.format(at);
export const fullTime = (at) => exact.format(at);

/** The same for all moments of one day. */
export function dayKey(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

export function dayName(at) {
  const now = Date.now();
  if (dayKey(at) === dayKey(now)) return t("messages.today");
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(at) === dayKey(yesterday)) return t("messages.yesterday");
  return now - at < 300 * 24 * 60 * 60 * 1000 ? weekday.format(at) : withYear.format(at);
}
