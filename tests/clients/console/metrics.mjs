// Reads the live page in a headless Chromium before, during and after a fault, as an operator would. What it prints as
// `please: WORD` is done by whoever started it, who says so with a line.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { accessible, ask, demo, HERE, leave, picture, tell, visit } from "./people.mjs";

const AT = `${HERE}/console/metrics`;
const TROUBLES = "Dual write: retries and failures";
const heard = createInterface({ input: process.stdin });
const answers = heard[Symbol.asyncIterator]();

async function please(word) {
  console.log(`please: ${word}`);
  assert.equal((await answers.next()).value, "done", word);
}

/** Somebody makes tasks all the while, whatever comes of it. */
function making() {
  const input = { agentId: demo.agent_id };
  const create = () => ask("owner", "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }", { input }).catch(() => {});
  const made = setInterval(create, 150);
  return () => clearInterval(made);
}

/** What a line of a chart is said to be now. */
const value = (page, chart, line) =>
  page.getByRole("region", { name: chart, exact: true }).getByRole("listitem").filter({ hasText: line }).locator("b").innerText();

/** Waits until a line is what it should be. */
async function shows(page, chart, line, fits) {
  for (let tries = 0; tries < 100; tries++) {
    if (fits(Number.parseFloat(await value(page, chart, line)))) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail(`${chart}: ${line} is ${await value(page, chart, line)}`);
}

/** Lets a page have one reading. It has the others once it is told to go on. */
async function oneReading(page) {
  let goOn;
  const told = new Promise((resolve) => (goOn = resolve));
  let readings = 0;
  await page.route("**/console/metrics/series", async (route) => {
    if (++readings > 1) await told;
    // Whoever has left meanwhile asks for nothing any more.
    await route.continue().catch(() => {});
  });
  return goOn;
}

/** An operator at the page, which has been read once. */
async function enter(options) {
  const visitor = await visit({ at: AT, viewport: { width: 1280, height: 900 }, ...options });
  const goOn = await oneReading(visitor.page);
  await visitor.page.getByLabel("An operator’s token").fill(demo.principals.operator.token);
  await visitor.page.keyboard.press("Enter");
  await visitor.page.getByRole("region", { name: TROUBLES }).waitFor();
  return { ...visitor, goOn };
}

const whole = (page, name) => picture(page, name, { fullPage: true });

const STORIES = {
  async "whoever is no operator sees nothing"() {
    const visitor = await visit({ at: AT });
    const { page } = visitor;
    const state = page.getByRole("status");
    await accessible(page, "sign in to the live page");
    await whole(page, "metrics-sign-in");
    for (const [token, said] of [
      ["nobodys-token", "Nobody has this token."],
      [demo.principals.viewer.token, "This token is not an operator’s, or this gateway counts nothing."],
    ]) {
      await page.getByLabel("An operator’s token").fill(token);
      await page.keyboard.press("Enter");
      await state.filter({ hasText: said }).waitFor();
      assert.equal(await page.getByRole("region").count(), 0);
      assert.equal(await page.evaluate("sessionStorage.length"), 0);
    }
    await accessible(page, "a token that is nobody's");
    await leave(visitor);
  },

  async "before, during and after a fault, dark and light"() {
    const [light, dark] = [await enter({ colorScheme: "light" }), await enter({ colorScheme: "dark" })];
    const both = { light, dark };
    // Side by side, so that what passes is seen by both.
    const each = (work) => Promise.all(Object.entries(both).map(([name, { page }]) => work(page, name)));
    await each(async (page, name) => {
      assert.ok(await page.getByText("Waiting for a second reading").first().isVisible());
      await whole(page, `metrics-empty-${name}`);
    });
    light.goOn();
    dark.goOn();
    const stop = making();
    const zero = (is) => is === 0;
    const some = (is) => is > 0;
    await each(async (page) => {
      await shows(page, "Dual write: attempts and successes", "successes", some);
      for (const line of ["retries", "failures", "refusals"]) await shows(page, TROUBLES, line, zero);
    });
    await new Promise((resolve) => setTimeout(resolve, 14_000));
    await each(async (page, name) => {
      for (const line of ["retries", "failures", "refusals"]) await shows(page, TROUBLES, line, zero);
      await accessible(page, `the live page, ${name}`);
      await whole(page, `metrics-before-${name}`);
    });

    await please("break");
    await each(async (page) => {
      await shows(page, TROUBLES, "retries", some);
      await shows(page, TROUBLES, "failures", some);
      await shows(page, "Dual write: attempts and successes", "attempts", some);
    });
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    await each(async (page, name) => {
      await shows(page, TROUBLES, "refusals", some);
      await accessible(page, `during a fault, ${name}`);
      await whole(page, `metrics-during-${name}`);
    });

    await please("mend");
    await each(async (page) => {
      for (const line of ["retries", "failures", "refusals"]) await shows(page, TROUBLES, line, zero);
      await shows(page, "Dual write: attempts and successes", "successes", some);
    });
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await each((page, name) => whole(page, `metrics-after-${name}`));
    stop();

    // By key, to a moment of the fault.
    const { page } = light;
    const chart = page.getByRole("region", { name: TROUBLES });
    const moment = chart.getByRole("slider");
    await page.getByRole("button", { name: "Pause" }).click();
    const there = async () => {
      await page.keyboard.press("ArrowLeft");
      return Number.parseFloat(await value(page, TROUBLES, "failures")) > 0;
    };
    await moment.focus();
    let steps = 0;
    while (!(await there())) assert.ok(++steps < 60, "the fault is among the readings");
    assert.match(await moment.getAttribute("aria-valuetext"), /^\d\d:\d\d:\d\d: retries [\d.]+\/s, failures [\d.]+\/s, refusals /);
    assert.match(await chart.getByText(/^at \d\d:\d\d:\d\d$/).innerText(), /^at/);
    await whole(page, "metrics-moment");
    await page.keyboard.press("Escape");
    assert.equal(await value(page, TROUBLES, "failures"), "0/s");
    // By pointer, too: the left end is the first reading.
    const box = await moment.boundingBox();
    await page.mouse.move(box.x + 1, box.y + 20);
    assert.equal(await moment.getAttribute("aria-valuenow"), "0");
    await page.mouse.move(0, 0);
    await page.getByRole("button", { name: "Go on" }).click();

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("An operator’s token").waitFor();
    assert.equal(await page.getByRole("region").count(), 0);
    assert.equal(await page.evaluate("sessionStorage.length"), 0);
    await leave(light);
    await leave(dark);
  },

  async "on a narrow screen"() {
    const visitor = await enter({ viewport: { width: 360, height: 740 } });
    visitor.goOn();
    await visitor.page.getByText(/^Read at /).waitFor();
    await accessible(visitor.page, "the live page, narrow");
    await whole(visitor.page, "metrics-narrow");
    await leave(visitor);
  },
};

await tell(STORIES);
// Whoever still listened would never end.
heard.close();
process.stdin.destroy();
