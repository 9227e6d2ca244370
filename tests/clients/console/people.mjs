// People at a headless Chromium, at the server in DEMO. The pictures of what they see go to SCREENSHOTS.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(`${process.env.CLIENTS}/`);
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
export const demo = JSON.parse(process.env.DEMO);
export const HERE = process.env.CONSOLE ?? demo.url;
const WIDE = { width: 1280, height: 800 };

/** Asks GraphQL as somebody of the demo. */
export async function ask(part, query, variables) {
  const headers = { "content-type": "application/json", "x-api-key": demo.principals[part].token };
  const body = JSON.stringify({ query, variables });
  const answer = await (await fetch(demo.graphql_url, { method: "POST", headers, body })).json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

export const browser = await chromium.launch({
  executablePath: execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim(),
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
});

/** A new person at a new browser. What the page should never do fails the story. */
export async function visit({ at = HERE, ...options } = {}) {
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wrong = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(HERE).origin) wrong.push(`asked ${request.url()}`);
    if (request.url().includes("demo-owner") || request.url().includes("demo-viewer")) wrong.push(`told a token: ${request.url()}`);
  });
  page.on("console", (message) => {
    // That a request was refused is what some of these stories are about.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => wrong.push(`a script said ${dialog.message()}`));
  await page.goto(at);
  return { page, wrong, context };
}

export async function leave({ page, wrong, context }) {
  assert.equal(await page.evaluate("window.hostile"), undefined);
  assert.deepEqual(wrong, []);
  await context.close();
}

export const picture = (page, name, options = {}) =>
  page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`), ...options });

/** Nothing that a machine can tell keeps people out: contrast, names, roles, order. And nothing sticks out. */
export async function accessible(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate("axe.run()");
  const told = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${where}: ${id}: ${node.html} ${node.failureSummary}`));
  assert.deepEqual(told, []);
  const [width, room] = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
  assert.ok(width <= room, `${where}: ${width} pixels on a screen of ${room}`);
}

/** Tells the stories, one after the other, and fails the process when one does not hold. */
export async function tell(stories, ...furniture) {
  let failed = 0;
  try {
    for (const [name, story] of Object.entries(stories)) {
      try {
        await story(...furniture);
        console.log("ok    ", name);
      } catch (error) {
        failed++;
        console.log("FAILED", name);
        console.log(error);
        const [page] = browser.contexts().at(-1)?.pages() ?? [];
        if (page) await picture(page, `failed-${failed}`);
      }
      for (const context of browser.contexts()) await context.close();
    }
  } finally {
    await browser.close();
  }
  console.log(`${Object.keys(stories).length - failed} of ${Object.keys(stories).length} stories hold`);
  process.exitCode = failed ? 1 : 0;
}
