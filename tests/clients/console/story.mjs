// Drives the console in a headless Chromium, as people would, and takes pictures of what they would see.
// The server is in DEMO; the pictures go to SCREENSHOTS.

import assert from "node:assert/strict";
import { accessible, ask, demo, HERE, leave, picture, tell, visit } from "./people.mjs";

const NARROW = { width: 360, height: 740 };
const HOSTILE = '<img src=x onerror="window.hostile=1"><script>window.hostile=1</script>';
const LONG = `a-name-${"that-goes-on-and-on-".repeat(9)}and-ends`;

const make = async (name) => {
  const input = { agentId: demo.agent_id, name, params: { goal: name.slice(0, 40), steps: 3, deep: { list: [1, null, true] } } };
  return (await ask("owner", "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }", { input })).createTask.id;
};

/** A thread with a history, an event, a message, and more tasks than a page holds. */
async function furnish() {
  for (let n = 1; n <= 108; n++) await make(`nightly-report-${String(n).padStart(3, "0")}`);
  for (const name of [LONG, HOSTILE]) {
    const id = await make(name);
    await ask("owner", "mutation($id: ID!, $principal: String!) { shareTask(id: $id, principal: $principal, role: VIEWER) { id } }", {
      id,
      principal: demo.principals.viewer.principal,
    });
  }
  const { task } = await ask("owner", '{ task(name: "demo-research") { id } }', {});
  const content = { type: "text", author: "user", content: HOSTILE };
  await ask("owner", "mutation($input: AppendEventInput!) { appendEvent(input: $input) { id } }", {
    input: { taskId: task.id, agentId: demo.agent_id, content },
  });
  const headers = { "content-type": "application/json", "x-api-key": demo.principals.owner.token };
  const said = await fetch(`${demo.url}/messages`, { method: "POST", headers, body: JSON.stringify({ task_id: task.id, content }) });
  assert.equal(said.status, 200);
  const values = { plan: ["search", "read", "write"], found: 0, notes: "nothing yet" };
  for (let step = 1; step <= 4; step++) {
    const checkpoint = { v: 4, channel_versions: { plan: `${step}` }, channel_values: { ...values, found: step * 7, notes: `after step ${step}` } };
    await ask("owner", "mutation($input: PutCheckpointInput!) { putCheckpoint(input: $input) { checkpointId } }", {
      input: {
        threadId: task.id,
        checkpointId: `1f0-step-${step}`,
        parentCheckpointId: step > 1 ? `1f0-step-${step - 1}` : null,
        checkpoint,
        metadata: { source: "loop", step, writes: { node: HOSTILE } },
        blobs: [{ channel: "plan", version: `${step}`, type: "msgpack", blob: "AAH/" }],
      },
    });
  }
  return task.id;
}

async function signIn(page, token) {
  await page.getByLabel("Token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function enter(part, options) {
  const visitor = await visit(options);
  await signIn(visitor.page, demo.principals[part].token);
  await visitor.page.getByRole("list", { name: "Tasks" }).waitFor();
  return visitor;
}

const open = async (page, name) => {
  await page.getByLabel("Open a task by its name or id").fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name, exact: true }).waitFor();
};
const button = (page, name) => page.getByRole("group", { name: "What can be done" }).getByRole("button", { name, exact: true });

const STORIES = {
  async "a wrong token is told so, with what to quote"() {
    const visitor = await visit();
    const { page } = visitor;
    await accessible(page, "sign in");
    await picture(page, "sign-in");
    for (const token of ["nobodys-token", "nö töken\u{1F600}"]) {
      await signIn(page, token);
      const alert = page.getByRole("alert").filter({ hasText: "This token is nobody’s." });
      await alert.waitFor();
      assert.match(await alert.innerText(), /UNAUTHENTICATED · request [0-9a-f-]{36}/);
    }
    await accessible(page, "a wrong token");
    await picture(page, "wrong-token");
    assert.equal(await page.evaluate("sessionStorage.length"), 0);
    await leave(visitor);
  },

  async "a viewer sees all and may do nothing, and is told why"(thread) {
    const visitor = await enter("viewer");
    const { page } = visitor;
    await picture(page, "viewer-list");
    await open(page, "demo-research");
    await accessible(page, "a viewer's task");
    for (const word of ["Edit", "Share", "Interrupt", "Complete", "Fail", "Cancel", "Delete"]) {
      assert.equal(await button(page, word).getAttribute("aria-disabled"), "true", word);
      const described = await button(page, word).evaluate((it) => document.getElementById(it.getAttribute("aria-describedby")).textContent);
      assert.match(described, /^You may not: this is for (editors and )?its owner\.$/, word);
      // It is there to be asked why, and says so; a driver has to be told to click it all the same.
      await button(page, word).click({ force: true });
      assert.equal(await page.locator("dialog[open]").count(), 0, word);
      assert.equal(await page.locator("#said").innerText(), `${word}: ${described}`);
    }
    await page.mouse.move(0, 0);
    await button(page, "Cancel").focus();
    assert.ok(await page.getByRole("tooltip", { name: "" }).filter({ hasText: "this is for its owner" }).first().isVisible());
    assert.equal(await page.locator(".tip:visible").count(), 1);
    await picture(page, "viewer-task");
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText("Only those who may share a task see whom it is shared with.").waitFor();
    assert.equal(await page.getByRole("row", { name: /^read/ }).getByRole("cell").last().innerText(), "Yes");
    assert.equal(await page.getByRole("row", { name: /^cancel/ }).getByRole("cell").last().innerText(), "No: for its owner");
    await accessible(page, "a viewer's access");
    await picture(page, "viewer-access");
    // What is not theirs is not there.
    await page.goto(`${HERE}/#/tasks/${thread.slice(0, -2)}00`);
    await page.getByRole("alert").filter({ hasText: "NOT_FOUND · request" }).waitFor();
    await accessible(page, "a task that is not there");
    await picture(page, "not-found");
    await leave(visitor);
  },

  async "a thread's history is read, and compared"(thread) {
    const visitor = await enter("viewer");
    const { page } = visitor;
    await page.goto(`${HERE}/#/tasks/${thread}/checkpoints`);
    await page.getByRole("link", { name: "1f0-step-4" }).waitFor();
    assert.equal(await page.getByRole("row").count(), 6);
    await accessible(page, "checkpoints");
    await picture(page, "checkpoints");
    await page.getByRole("link", { name: "1f0-step-4" }).click();
    await page.getByRole("region", { name: "Checkpoint", exact: true }).getByText('"after step 4"').waitFor();
    await picture(page, "checkpoint");
    await page.getByLabel("Changes since its parent").check();
    const changes = page.getByRole("region", { name: "Changes of the checkpoint" });
    await changes.waitFor();
    assert.deepEqual(await changes.locator("del").allInnerTexts(), ['−    "found": 21,', '−    "notes": "after step 3",', '−    "plan": "3"']);
    assert.deepEqual(await changes.locator("ins").allInnerTexts(), ['+    "found": 28,', '+    "notes": "after step 4",', '+    "plan": "4"']);
    await accessible(page, "changes");
    await picture(page, "changes");
    await page.getByRole("link", { name: "Trackers" }).click();
    await page.getByText("no event yet").waitFor();
    await picture(page, "trackers");
    await page.getByRole("link", { name: "Events" }).click();
    await page.getByText("Please begin.").waitFor();
    assert.equal(await page.locator(".saying").last().innerText(), HOSTILE);
    await picture(page, "events");
    await page.getByRole("link", { name: "Messages" }).click();
    await page.locator(".saying", { hasText: HOSTILE }).waitFor();
    await accessible(page, "messages");
    await leave(visitor);
  },

  async "an owner makes, edits, shares, cancels and deletes"() {
    const visitor = await enter("owner");
    const { page } = visitor;
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: "New task" }).click();
    await dialog.getByLabel("Name").fill("made-by-hand");
    await dialog.getByLabel("Params").fill("{ no json");
    await dialog.getByRole("button", { name: "Make it" }).click();
    await dialog.getByRole("alert").filter({ hasText: "Params is no JSON" }).waitFor();
    await accessible(page, "a new task");
    await picture(page, "new-task");
    await dialog.getByLabel("Params").fill('{ "goal": "try the console" }');
    await dialog.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("heading", { name: "made-by-hand" }).waitFor();
    await picture(page, "owner-task");

    await button(page, "Edit").click();
    await dialog.getByLabel("Metadata").fill('{ "colour": "teal" }');
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("region", { name: "Metadata" }).getByText('"teal"').waitFor();

    await button(page, "Share").click();
    await dialog.getByLabel("With whom").fill("nobody");
    await dialog.getByRole("button", { name: "Share" }).click();
    await dialog.getByRole("alert").filter({ hasText: "BAD_USER_INPUT · request" }).waitFor();
    await accessible(page, "sharing with nobody");
    await picture(page, "share");
    await dialog.getByLabel("With whom").fill(demo.principals.viewer.principal);
    await dialog.getByRole("button", { name: "Share" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByRole("cell", { name: demo.principals.viewer.principal, exact: true }).waitFor();
    await picture(page, "access");
    await page.getByRole("button", { name: `Take away: ${demo.principals.viewer.principal}, viewer` }).click();
    await dialog.getByRole("button", { name: "Take away" }).click();
    await page.getByRole("cell", { name: demo.principals.viewer.principal, exact: true }).waitFor({ state: "detached" });

    await button(page, "Cancel").click();
    await dialog.getByLabel("Reason").fill("tried enough");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("tried enough").waitFor();
    assert.equal(await button(page, "Complete").getAttribute("aria-disabled"), "true");
    assert.equal(await page.getByRole("tooltip", { includeHidden: true }).first().textContent(), "Not now: the task is canceled.");
    await button(page, "Delete").click();
    await accessible(page, "deleting");
    await picture(page, "delete");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No task is open").waitFor();
    await page.locator("a.task", { hasText: "made-by-hand" }).waitFor({ state: "detached" });
    await leave(visitor);
  },

  async "a list is filtered, ordered, and goes on page by page"() {
    const visitor = await enter("owner");
    const { page } = visitor;
    const rows = page.locator("a.task");
    const settled = (count) => page.waitForFunction((count) => document.querySelectorAll("a.task").length === count, count);
    await settled(50);
    const recent = await page.locator("ul.tasks").elementHandle();
    await page.getByLabel("Order").selectOption("Name");
    await page.waitForFunction((list) => !list?.isConnected, recent);
    await page.getByRole("button", { name: "Show more" }).click();
    await settled(100);
    await page.getByRole("button", { name: "Show more" }).click();
    await settled(113);
    assert.ok(await page.getByText("113 tasks", { exact: true }).isVisible());
    const names = await rows.locator(".name").allInnerTexts();
    assert.equal(new Set(names).size, 113);
    assert.deepEqual(names.filter((name) => name.startsWith("demo-")), ["demo-report", "demo-research", "demo-triage"]);
    await page.getByText("113 tasks", { exact: true }).scrollIntoViewIfNeeded();
    await picture(page, "list-end");
    await page.getByLabel("Status").selectOption("Failed");
    await page.getByText("No task fits").waitFor();
    await accessible(page, "no task fits");
    await picture(page, "no-task-fits");
    await page.getByRole("button", { name: "Show all" }).click();
    await settled(50);
    await page.getByLabel("Agent", { exact: true }).selectOption("demo-agent");
    await settled(50);
    await leave(visitor);
  },

  async "a name is a name, whatever it says"() {
    const visitor = await enter("viewer");
    const { page } = visitor;
    await open(page, HOSTILE);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.ok((await page.locator("a.task .name").allInnerTexts()).includes(HOSTILE));
    assert.equal(await page.title(), `${HOSTILE} · Taskgate`);
    // Even a script of ours could not make HTML of it.
    const refused = await page.evaluate((text) => {
      try {
        document.createElement("p").innerHTML = text;
        return "";
      } catch (error) {
        return error.name;
      }
    }, HOSTILE);
    assert.equal(refused, "TypeError");
    visitor.wrong.splice(0);
    await open(page, LONG);
    await accessible(page, "a long name");
    await picture(page, "long-name");
    await leave(visitor);
  },

  async "a click counts, though the page is drawn anew between press and release"(thread) {
    const visitor = await enter("viewer");
    const { page } = visitor;
    await page.goto(`${HERE}/#/tasks/${thread}`);
    await page.getByRole("region", { name: "Params" }).waitFor();
    const again = "dispatchEvent(new HashChangeEvent('hashchange'))";
    const [tab, heading] = [page.getByRole("link", { name: "Trackers" }), await page.locator("#task-name").elementHandle()];
    const box = await tab.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    const answered = page.waitForResponse((answer) => answer.url().endsWith("/graphql"));
    await page.evaluate(again);
    await (await answered).finished();
    await page.waitForTimeout(300);
    assert.ok(await heading.evaluate((it) => it.isConnected), "nothing is replaced while something is pressed");
    await page.mouse.up();
    await page.getByText("no event yet").waitFor();
    await page.waitForFunction((it) => !it.isConnected, heading);

    // What is read again, and slowly, stays until then.
    await page.route("**/graphql", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      await route.continue();
    });
    await page.evaluate(again);
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.waitForTimeout(300);
    assert.equal(await page.locator(".detail > .loading, .results > .loading").count(), 0);
    assert.ok(await tab.isVisible());
    await leave(visitor);
  },

  async "the keyboard is enough"() {
    const visitor = await visit();
    const { page } = visitor;
    const focused = () => page.evaluate("(document.activeElement.id || document.activeElement.textContent).trim()");
    assert.equal(await focused(), "token");
    await page.keyboard.type(demo.principals.owner.token);
    await page.keyboard.press("Enter");
    await page.locator("a.task").first().waitFor();
    await page.keyboard.press("/");
    assert.equal(await focused(), "find");
    await page.keyboard.type("demo-triage");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "demo-triage" }).waitFor();
    await page.waitForFunction("document.activeElement.id === 'task-name'");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Edit");
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    assert.equal(outline, "solid");
    for (let n = 0; n < 6; n++) await page.keyboard.press("Tab");
    assert.equal(await focused(), "Delete");
    await picture(page, "focus");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    assert.equal(await focused(), "Go back");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    assert.equal(await focused(), "Delete");
    await page.keyboard.press("j");
    assert.match(await page.evaluate("document.activeElement.className"), /task/);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await accessible(page, "keys");
    await picture(page, "keys");
    // Switched off, single keys are letters.
    await page.getByLabel("Listen for single keys").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    assert.equal(await page.locator("dialog[open]").count(), 0);
    await leave(visitor);
  },

  async "dark and light, as the system says or as one likes"(thread) {
    const paper = (page) => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const seen = [];
    for (const colorScheme of ["light", "dark"]) {
      const visitor = await enter("viewer", { colorScheme });
      const { page } = visitor;
      await page.goto(`${HERE}/#/tasks/${thread}`);
      await page.getByRole("region", { name: "Params" }).waitFor();
      seen.push(await paper(page));
      await accessible(page, colorScheme);
      await picture(page, `task-${colorScheme}`);
      await page.goto(`${HERE}/#/tasks/${thread}/checkpoints/1f0-step-3`);
      await page.getByLabel("Changes since its parent").check();
      await page.getByRole("region", { name: "Changes of the checkpoint" }).waitFor();
      await accessible(page, `changes, ${colorScheme}`);
      await picture(page, `changes-${colorScheme}`);
      if (colorScheme === "dark") {
        await page.getByRole("button", { name: "Theme: auto" }).click();
        await page.getByRole("button", { name: "Theme: light" }).waitFor();
        assert.equal(await paper(page), seen[0]);
        await page.reload();
        await page.getByRole("list", { name: "Tasks" }).waitFor();
        assert.equal(await paper(page), seen[0], "it is kept");
      }
      await leave(visitor);
    }
    assert.notEqual(seen[0], seen[1]);
  },

  async "a narrow screen shows one thing at a time"(thread) {
    for (const colorScheme of ["light", "dark"]) {
      const visitor = await visit({ viewport: NARROW, colorScheme });
      const { page } = visitor;
      await accessible(page, "sign in, narrow");
      await picture(page, `narrow-sign-in-${colorScheme}`);
      await signIn(page, demo.principals.viewer.token);
      await page.locator("a.task").first().waitFor();
      await accessible(page, "a narrow list");
      await picture(page, `narrow-list-${colorScheme}`);
      await open(page, "demo-research");
      assert.ok(await page.getByRole("list", { name: "Tasks" }).isHidden());
      await accessible(page, "a narrow task");
      await picture(page, `narrow-task-${colorScheme}`);
      await page.goto(`${HERE}/#/tasks/${thread}/checkpoints`);
      await page.getByRole("link", { name: "1f0-step-4" }).waitFor();
      await accessible(page, "narrow checkpoints");
      await picture(page, `narrow-checkpoints-${colorScheme}`);
      await page.getByRole("link", { name: "← All tasks" }).click();
      await page.locator("a.task").first().waitFor();
      await open(page, LONG);
      await accessible(page, "a long name, narrow");
      await picture(page, `narrow-long-${colorScheme}`);
      await leave(visitor);
    }
  },

  async "the token is in the tab, and goes when one signs out"() {
    const { token } = demo.principals.owner;
    const visitor = await enter("owner");
    const { page, context } = visitor;
    const kept = () => page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie, location.href])");
    assert.equal((await kept()).split(token).length, 2);
    assert.ok(!(await page.evaluate("JSON.stringify([{ ...localStorage }, document.cookie, location.href])")).includes(token));
    await page.reload();
    await page.getByRole("list", { name: "Tasks" }).waitFor();
    const other = await context.newPage();
    await other.goto(HERE);
    await other.getByRole("button", { name: "Sign in" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    assert.ok(!(await kept()).includes(token));
    assert.equal(await page.locator("a.task").count(), 0);
    await leave(visitor);
  },

  async "a server that is away is told of, and tried again"() {
    const visitor = await enter("viewer");
    const { page, context } = visitor;
    await context.setOffline(true);
    await page.getByRole("button", { name: "Refresh" }).click();
    const alert = page.getByRole("alert").filter({ hasText: "The server could not be reached." });
    await alert.waitFor();
    await accessible(page, "offline");
    await picture(page, "offline");
    await context.setOffline(false);
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("list", { name: "Tasks" }).waitFor();
    await leave(visitor);
  },
};

await tell(STORIES, await furnish());
