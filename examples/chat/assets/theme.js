// Light or dark: follows the system until somebody chooses. The choice is a cookie, so that the server can draw
// the page in the right colours from the first moment.

const YEAR = 365 * 24 * 60 * 60;

function shown() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = shown() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `chat_theme=${next}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
  });
}
