// Signing in: a token is typed, and the server says whose it is.

import { ask, signIn, signOut } from "./api.js";
import { fill, h, trouble } from "./dom.js";
import { VIEWER } from "./operations.js";

/** @import { ViewerQuery } from "./generated/graphql.js" */

/**
 * @param {Element} place
 * @param {(viewer: ViewerQuery["viewer"]) => void} entered
 * @param {unknown} [why] the trouble that led here
 */
export function signInPage(place, entered, why) {
  const alert = h("div", {});
  const input = h("input", {
    id: "token",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "token-hint",
  });
  const shown = h("button", { type: "button", class: "quiet small", "aria-pressed": "false", onclick: toggle }, "Show");
  const enter = h("button", { class: "primary" }, "Sign in");

  function toggle() {
    const open = input.type === "password";
    input.type = open ? "text" : "password";
    shown.setAttribute("aria-pressed", String(open));
    shown.textContent = open ? "Hide" : "Show";
  }

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    signIn(input.value.trim());
    enter.disabled = true;
    fill(alert);
    try {
      entered((await ask(VIEWER, {})).viewer);
    } catch (error) {
      signOut();
      const { code } = /** @type {{ code?: string }} */ (error);
      const known = code === "UNAUTHENTICATED";
      if (known) Object.assign(/** @type {Error} */ (error), { message: "This token is nobody’s." });
      fill(alert, trouble(error));
      input.setAttribute("aria-invalid", String(known));
      enter.disabled = false;
      input.select();
    }
  }

  fill(
    place,
    h(
      "section",
      { class: "signin", "aria-labelledby": "signin-title" },
      h("h1", { id: "signin-title" }, "Sign in"),
      h(
        "p",
        { class: "lead" },
        "Tasks, their trackers and their checkpoints: what you see here is what your token may see.",
      ),
      h(
        "form",
        { onsubmit: submit },
        h(
          "div",
          { class: "field" },
          h("label", { for: "token" }, "Token"),
          h("div", { class: "joined" }, input, shown),
          h(
            "p",
            { class: "hint", id: "token-hint" },
            "A configured token, or an agent’s API key. It is kept in this tab until you sign out or close it. The demo prints its tokens when it starts.",
          ),
        ),
        alert,
        enter,
      ),
    ),
  );
  if (why) fill(alert, trouble(why));
  input.focus();
}
