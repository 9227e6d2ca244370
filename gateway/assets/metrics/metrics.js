// Reads the gateway's metrics every two seconds, and draws how they change. Nothing is kept but in this tab.

import { Chart } from "./chart.js";
import { parse, quantile, sum } from "./read.js";

const KEY = "taskgate:token";
const EVERY = 2_000;

// --- what is shown

const DW = "task_fgac_dual_write";
const rate = (name, wanted) => (before, now, seconds) =>
  Math.max(sum(now, name, wanted) - sum(before, name, wanted), 0) / seconds;
const level = (name, wanted) => (_, now) => sum(now, name, wanted);
const percentile = (q, name, wanted) => (before, now) => quantile(q, before, now, name, wanted);
const denied = { code: ["NOT_FOUND", "FORBIDDEN", "UNAUTHENTICATED"] };

/** A number with as many digits as tell something. */
const digits = (value) => (value === 0 ? "0" : value < 10 ? String(Number(value.toPrecision(2))) : value.toFixed(0));
const perSecond = { unit: "per second", least: 1, format: (value) => `${digits(value)}/s` };
const count = { unit: "count", least: 1, format: digits };
const time = {
  unit: "duration",
  least: 0.001,
  format: (value) => (value === 0 ? "0" : value < 1 ? `${digits(value * 1_000)} ms` : `${digits(value)} s`),
};

/** A line: its name, what it is of, and whether any of it is bad. */
const line = (name, of, bad = false) => ({ name, of, bad });

const CHARTS = [
  {
    title: "Dual write: attempts and successes",
    meaning: "Writes to the authorization engine that began, and those that applied. They part where writes fail.",
    ...perSecond,
    lines: [line("attempts", rate(`${DW}_attempts_total`)), line("successes", rate(`${DW}_successes_total`))],
  },
  {
    title: "Dual write: retries and failures",
    meaning: "Attempts that are tried again, writes that failed for good, creates refused at once. All is well at zero.",
    ...perSecond,
    lines: [
      line("retries", rate(`${DW}_retries_total`), true),
      line("failures", rate(`${DW}_failures_total`), true),
      line("refusals", rate(`${DW}_refusals_total`), true),
    ],
  },
  {
    title: "Dual write: backlog",
    meaning: "Writes of the whole deployment that have begun and are not settled.",
    ...count,
    lines: [line("pending", level(`${DW}_intents_pending`))],
  },
  {
    title: "Dual write: age of the oldest",
    meaning: "How long ago the oldest of them began. A minute or two is normal after a crash.",
    ...time,
    least: 1,
    lines: [line("oldest", level(`${DW}_oldest_intent_age_seconds`))],
  },
  {
    title: "Engine: latency",
    meaning: "How long checks and look-ups take: half of them, and 99 of 100.",
    ...time,
    lines: [
      line("check p50", percentile(0.5, "taskgate_engine_call_duration_seconds", { call: "check" })),
      line("check p99", percentile(0.99, "taskgate_engine_call_duration_seconds", { call: "check" })),
      line("lookup p99", percentile(0.99, "taskgate_engine_call_duration_seconds", { call: "lookup" })),
    ],
  },
  {
    title: "Engine: calls",
    meaning: "What the engine is asked, and what it does not answer.",
    ...perSecond,
    lines: [
      line("answered", rate("taskgate_engine_calls_total", { outcome: "ok" })),
      line("failed", rate("taskgate_engine_calls_total", { outcome: ["Unavailable", "Timeout", "Malformed"] }), true),
    ],
  },
  {
    title: "Denials",
    meaning: "What callers were told is not theirs; in GraphQL each field is one.",
    ...perSecond,
    lines: [
      line("REST", rate("taskgate_failures_total", { edge: "rest", ...denied })),
      line("GraphQL", rate("taskgate_failures_total", { edge: "graphql", ...denied })),
    ],
  },
  {
    title: "Requests",
    meaning: "By the class of the answer. 4xx are mistakes of callers, 5xx are ours.",
    ...perSecond,
    lines: [
      line("2xx", rate("taskgate_http_requests_total", { status: "2xx" })),
      line("5xx", rate("taskgate_http_requests_total", { status: "5xx" }), true),
      line("4xx", rate("taskgate_http_requests_total", { status: "4xx" })),
    ],
  },
  {
    title: "Latency",
    meaning: "How long requests of all kinds take: half of them, and 99 of 100.",
    ...time,
    lines: [
      line("p50", percentile(0.5, "taskgate_http_request_duration_seconds")),
      line("p99", percentile(0.99, "taskgate_http_request_duration_seconds")),
    ],
  },
  {
    title: "Database connections",
    meaning: "Of this gateway’s pool. At the limit, requests wait for one.",
    ...count,
    lines: [
      line("used", level("taskgate_sql_connections", { state: "used" })),
      line("limit", level("taskgate_sql_connections_limit")),
    ],
  },
];

// --- the page

// As in the console.
const theme = localStorage.getItem("taskgate:theme");
if (theme) document.documentElement.dataset.theme = theme;

const element = (id) => document.getElementById(id);
const say = (text, trouble = false) => {
  element("state").textContent = text;
  element("state").className = trouble ? "trouble" : "";
};

let charts = null;
let before = null;
let paused = false;

function ask(why) {
  sessionStorage.removeItem(KEY);
  [charts, before] = [null, null];
  element("charts").replaceChildren();
  pause(false);
  element("in").hidden = false;
  for (const id of ["out", "pause", "charts"]) element(id).hidden = true;
  say(why, why !== "Not signed in.");
  element("token").focus();
}

function pause(is) {
  paused = is;
  element("pause").setAttribute("aria-pressed", String(is));
  element("pause").textContent = is ? "Go on" : "Pause";
}

async function read() {
  const token = sessionStorage.getItem(KEY);
  if (!token) {
    if (element("in").hidden) ask("Not signed in.");
    return;
  }
  const at = performance.now();
  let answer;
  try {
    answer = await fetch("/console/metrics/series", { headers: { "x-api-key": token }, cache: "no-store" });
  } catch {
    return say("The gateway does not answer; trying again.", true);
  }
  if (answer.status === 401) return ask("Nobody has this token.");
  if (answer.status === 404) return ask("This token is not an operator’s, or this gateway counts nothing.");
  if (!answer.ok) return say(`The gateway answers ${answer.status}; trying again.`, true);
  const now = parse(await answer.text());
  element("in").hidden = true;
  for (const id of ["out", "pause", "charts"]) element(id).hidden = false;
  charts ??= CHARTS.map((chart) => new Chart(element("charts"), chart));
  if (before) for (const chart of charts) chart.add(before.series, now, (at - before.at) / 1_000, Date.now());
  before = { series: now, at };
  say(`Read at ${new Date().toLocaleTimeString()}`);
}

element("in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, element("token").value.trim());
  element("token").value = "";
  void read();
});
element("out").addEventListener("click", () => ask("Not signed in."));
element("pause").addEventListener("click", () => {
  pause(!paused);
  if (paused) say("Paused: nothing is read.");
  // What happened meanwhile is not the rate of one moment.
  before = null;
});

async function live() {
  if (document.visibilityState === "visible" && !paused) await read();
  setTimeout(live, EVERY);
}
void live();
