// Dark, light, or whatever the system says. Runs before the page is drawn, so that it does not flash.

const THEMES = ["auto", "light", "dark"];

function theme() {
  const kept = localStorage.getItem("taskgate:theme") ?? "";
  return THEMES.includes(kept) ? kept : "auto";
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "auto";
  localStorage.setItem("taskgate:theme", next);
  showTheme();
}

function showTheme() {
  document.documentElement.dataset.theme = theme();
  const button = document.getElementById("theme");
  if (button) button.textContent = `Theme: ${theme()}`;
}

showTheme();
document.addEventListener("DOMContentLoaded", () => {
  showTheme();
  document.getElementById("theme")?.addEventListener("click", nextTheme);
});
