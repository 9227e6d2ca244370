// The console: who is signed in, and where they are.

import { ask, signOut, Trouble, token, UNKNOWN_TOKEN } from "./api.js";
import { byId, empty, fill, h, say, show } from "./dom.js";
import { taskList } from "./list.js";
import { VIEWER } from "./operations.js";
import { route } from "./route.js";
import { listen } from "./shortcuts.js";
import { signInPage } from "./signin.js";
import { taskPage } from "./task.js";

/** @import { ViewerQuery } from "./generated/graphql.js" */

const [main, who, out] = [byId("main"), byId("who"), byId("out")];

/** @type {ReturnType<typeof taskList> | null} */
let list = null;
let detail = h("section", { class: "detail", "aria-label": "Task" });

/** @param {ViewerQuery["viewer"]} viewer */
function enter({ principal, tenant }) {
  fill(who, h("span", { class: "unseen" }, "Signed in as "), h("b", {}, principal), h("span", { class: "of" }, tenant));
  who.hidden = out.hidden = false;
  const side = h("section", { class: "side", "aria-label": "Tasks" });
  detail = h("section", { class: "detail", "aria-label": "Task" });
  fill(main, h("div", { class: "panes" }, side, detail));
  list = taskList(side);
  go();
}

/** @param {unknown} [why] */
function leave(why) {
  signOut();
  list = null;
  who.hidden = out.hidden = true;
  document.body.classList.remove("open");
  document.title = "Taskgate";
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  signInPage(main, enter, why);
}

let seen = "";

/** Shows what the address says. */
async function go() {
  if (!list) return;
  const here = route();
  list.mark();
  const { task } = here;
  document.body.classList.toggle("open", task !== null);
  if (task === null) {
    seen = "";
    document.title = "Tasks · Taskgate";
    fill(detail, empty("No task is open", h("p", {}, "Choose one from the list, or open it by its name or id.")));
    return;
  }
  const [open, moved] = [list, seen !== task];
  seen = task;
  const gone = () => {
    location.hash = "#/";
    open.load();
    open.search.focus();
  };
  await taskPage(detail, { ...here, task }, { changed: () => open.load(), gone });
  const name = document.getElementById("task-name");
  document.title = `${name?.textContent ?? "Task"} · Taskgate`;
  if (moved) {
    name?.focus({ preventScroll: true });
    detail.scrollTop = 0;
  }
}

function again() {
  list?.load();
  go();
}

const help = listen([
  { key: "/", does: "Open a task by its name or id", run: () => list?.search.focus() },
  { key: "j", does: "Next task in the list", run: () => list?.step(1) },
  { key: "k", does: "Task before it", run: () => list?.step(-1) },
  { key: "n", does: "New task", run: () => list?.make() },
  { key: "r", does: "Ask for everything again", run: again },
  { key: "t", does: "Another theme", run: () => byId("theme").click() },
  { key: "?", does: "These keys", run: () => help() },
]);

byId("keys").addEventListener("click", help);
out.addEventListener("click", () => {
  leave();
  say("You are signed out.");
});
addEventListener("hashchange", go);
document.addEventListener(UNKNOWN_TOKEN, () => {
  // While somebody signs in, the form says so itself.
  if (list) leave(new Trouble("Your token is not known any more. Sign in again.", "UNAUTHENTICATED", null));
});

/** A tab that was reloaded is signed in still. */
async function start() {
  await show(
    main,
    () => ask(VIEWER, {}),
    ({ viewer }) => {
      queueMicrotask(() => enter(viewer));
      return [];
    },
  );
}

if (token()) start();
else signInPage(main, enter);
