// Reads the gateway's metrics every two seconds, and draws how they change. Nothing is kept but in this tab.

const KEY = "taskgate:token";
const EVERY = 2_000;
const KEPT = 150;

// --- reading

/** The series of a text in Prometheus' format: name, labels, value. */
export function parse(text) {
  const series = [];
  for (const line of text.split("\n")) {
    const found = /^([a-z_0-9:]+)(?:\{(.*)\})? (\S+)$/i.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/([a-z_0-9]+)="((?:[^"\\]|\\.)*)"/gi)) labels[name] = value;
    series.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return series;
}

const matches = (labels, wanted) =>
  Object.entries(wanted).every(([name, value]) => [value].flat().includes(labels[name]));

/** The sum of the series of a name, of those whose labels are the wanted ones. */
export const sum = (series, name, wanted = {}) =>
  series.filter((one) => one.name === name && matches(one.labels, wanted)).reduce((all, one) => all + one.value, 0);

/** A quantile of what a histogram saw between two readings; nothing, if it saw nothing. */
export function quantile(q, before, now, name, wanted = {}) {
  const bounds = new Map();
  const add = (series, sign) => {
    for (const one of series) {
      if (one.name !== `${name}_bucket` || !matches(one.labels, wanted)) continue;
      const bound = one.labels.le === "+Inf" ? Infinity : Number(one.labels.le);
      bounds.set(bound, (bounds.get(bound) ?? 0) + sign * one.value);
    }
  };
  add(now, 1);
  add(before, -1);
  const sorted = [...bounds].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let [lower, under] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= q * all) {
      if (bound === Infinity) return lower;
      return lower + ((bound - lower) * (q * all - under)) / Math.max(count - under, 1);
    }
    [lower, under] = [bound, count];
  }
  return lower;
}

// --- what is shown

const DW = "task_fgac_dual_write";
const rate = (name, wanted) => (before, now, seconds) =>
  Math.max(sum(now, name, wanted) - sum(before, name, wanted), 0) / seconds;
const level = (name) => (_, now) => sum(now, name);
const percentile = (q, name, wanted) => (before, now) => quantile(q, before, now, name, wanted);
const denied = { code: ["NOT_FOUND", "FORBIDDEN", "UNAUTHENTICATED"] };

const perSecond = (value) => `${value.toFixed(value < 10 ? 1 : 0)}/s`;
const count = (value) => value.toFixed(0);
const time = (value) => (value < 1 ? `${(value * 1_000).toFixed(1)} ms` : `${value.toFixed(1)} s`);

const CHARTS = [
  ["Dual write: attempts and successes", "Writes to the authorization engine that began, and those that applied.", perSecond, [
    ["attempts", rate(`${DW}_attempts_total`)],
    ["successes", rate(`${DW}_successes_total`)],
  ]],
  ["Dual write: retries and failures", "Attempts that are tried again, writes that failed for good, creates refused at once.", perSecond, [
    ["retries", rate(`${DW}_retries_total`)],
    ["failures", rate(`${DW}_failures_total`)],
    ["refusals", rate(`${DW}_refusals_total`)],
  ]],
  ["Dual write: backlog", "Writes of the whole deployment that have begun and are not settled.", count, [
    ["pending", level(`${DW}_intents_pending`)],
  ]],
  ["Dual write: age of the oldest", "A minute or two is normal after a crash.", time, [
    ["oldest", level(`${DW}_oldest_intent_age_seconds`)],
  ]],
  ["Engine: latency", "How long checks and look-ups take.", time, [
    ["check p50", percentile(0.5, "taskgate_engine_call_duration_seconds", { call: "check" })],
    ["check p99", percentile(0.99, "taskgate_engine_call_duration_seconds", { call: "check" })],
    ["lookup p99", percentile(0.99, "taskgate_engine_call_duration_seconds", { call: "lookup" })],
  ]],
  ["Engine: calls", "What is asked, and what is not answered.", perSecond, [
    ["answered", rate("taskgate_engine_calls_total", { outcome: "ok" })],
    ["failed", rate("taskgate_engine_calls_total", { outcome: ["Unavailable", "Timeout", "Malformed"] })],
  ]],
  ["Denials", "What callers were told is not theirs; in GraphQL each field is one.", perSecond, [
    ["REST", rate("taskgate_failures_total", { edge: "rest", ...denied })],
    ["GraphQL", rate("taskgate_failures_total", { edge: "graphql", ...denied })],
  ]],
  ["Requests", "By the class of the answer.", perSecond, [
    ["2xx", rate("taskgate_http_requests_total", { status: "2xx" })],
    ["5xx", rate("taskgate_http_requests_total", { status: "5xx" })],
    ["4xx", rate("taskgate_http_requests_total", { status: "4xx" })],
  ]],
  ["Latency", "Of all requests.", time, [
    ["p50", percentile(0.5, "taskgate_http_request_duration_seconds")],
    ["p99", percentile(0.99, "taskgate_http_request_duration_seconds")],
  ]],
  ["Database connections", "Of this gateway's pool.", count, [
    ["used", (_, now) => sum(now, "taskgate_sql_connections", { state: "used" })],
    ["limit", level("taskgate_sql_connections_limit")],
  ]],
];

// --- drawing

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 360;
const HEIGHT = 110;

function make(parent, name, attributes = {}, text = "") {
  const element = name === "svg" || parent.namespaceURI === SVG ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

class Chart {
  constructor(parent, [title, meaning, format, lines]) {
    this.format = format;
    const section = make(parent, "section");
    make(section, "h2", {}, title);
    make(section, "p", {}, meaning);
    this.svg = make(section, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
    this.most = make(section, "small");
    const list = make(section, "ul");
    this.lines = lines.map(([name, of], place) => ({
      name,
      of,
      values: [],
      path: make(this.svg, "polyline", { class: `line-${place}` }),
      item: make(list, "li", { class: `line-${place}` }, name),
    }));
  }

  add(before, now, seconds) {
    for (const line of this.lines) {
      line.values.push(line.of(before, now, seconds));
      if (line.values.length > KEPT) line.values.shift();
      const last = line.values.at(-1);
      line.item.textContent = `${line.name} ${last === null ? "–" : this.format(last)}`;
    }
    const most = Math.max(...this.lines.flatMap((line) => line.values.map((value) => value ?? 0)));
    const top = most || 1;
    for (const line of this.lines) {
      const from = KEPT - line.values.length;
      const point = (value, place) =>
        `${((from + place) * WIDTH) / (KEPT - 1)},${HEIGHT - 2 - ((value ?? 0) / top) * (HEIGHT - 8)}`;
      line.path.setAttribute("points", line.values.map(point).join(" "));
    }
    this.most.textContent = `most: ${this.format(most)}`;
  }
}

// --- the page

const element = (id) => document.getElementById(id);
const say = (text, trouble = false) => {
  element("state").textContent = text;
  element("state").className = trouble ? "trouble" : "";
};

let charts = null;
let before = null;

function ask(why) {
  sessionStorage.removeItem(KEY);
  [charts, before] = [null, null];
  element("charts").replaceChildren();
  element("in").hidden = false;
  element("out").hidden = true;
  say(why, why !== "Not signed in.");
}

async function read() {
  const token = sessionStorage.getItem(KEY);
  if (!token) return ask("Not signed in.");
  const at = performance.now();
  let answer;
  try {
    answer = await fetch("/console/metrics/series", { headers: { "x-api-key": token }, cache: "no-store" });
  } catch {
    return say("The gateway does not answer; trying again.", true);
  }
  if (answer.status === 401) return ask("Nobody has this token.");
  if (answer.status === 404) return ask("This token is not an operator's, or this gateway counts nothing.");
  if (!answer.ok) return say(`The gateway answers ${answer.status}; trying again.`, true);
  const now = parse(await answer.text());
  element("in").hidden = true;
  element("out").hidden = false;
  charts ??= CHARTS.map((chart) => new Chart(element("charts"), chart));
  if (before) for (const chart of charts) chart.add(before.series, now, (at - before.at) / 1_000);
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

async function live() {
  if (document.visibilityState === "visible") await read();
  setTimeout(live, EVERY);
}
void live();
