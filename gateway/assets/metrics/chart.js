// A chart: lines over the last minutes, with axes, what each line is now, and what it was at a moment that one points
// at, or goes to with the arrow keys.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 150];
/** The least and the most time that is shown, in milliseconds. */
const [LEAST, MOST] = [60_000, 300_000];
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function make(parent, name, attributes = {}, text = "") {
  const svg = name === "svg" || parent.namespaceURI === SVG;
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

/** The least round number that is no less: 1, 2 or 5 with noughts. */
export function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999_999) ?? value;
}

/** How long ago, in words that fit below an axis. */
function ago(milliseconds) {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds === 0) return "now";
  return seconds % 60 === 0 ? `−${seconds / 60} min` : `−${seconds} s`;
}

export class Chart {
  /** When each reading was, in milliseconds since 1970. */
  times = [];
  /** The reading that is pointed at; nothing, for the last. */
  at = null;

  constructor(parent, { title, meaning, unit, format, least, lines }) {
    Object.assign(this, { title, format, least });
    const section = make(parent, "section", { "aria-label": title });
    make(section, "h2", {}, title);
    make(section, "p", { class: "meaning" }, meaning);
    const plot = make(section, "div", { class: "plot" });
    make(plot, "span", { class: "unit" }, unit);
    const scale = make(plot, "div", { class: "scale", "aria-hidden": "true" });
    this.scale = [1, 0.5, 0].map((part) => ({ part, text: make(scale, "span") }));
    this.field = make(plot, "div", { class: "field", role: "slider", tabindex: "0", "aria-label": `${title}: a moment` });
    this.svg = make(this.field, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const part of [0, 0.5, 1]) {
      const y = part * HEIGHT;
      make(this.svg, "line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y });
    }
    this.cursor = make(this.svg, "line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.empty = make(this.field, "span", { class: "empty" }, "Waiting for a second reading");
    const axis = make(plot, "div", { class: "axis", "aria-hidden": "true" });
    this.axis = [1, 0.5, 0].map((part) => ({ part, text: make(axis, "span") }));
    this.when = make(section, "p", { class: "when" });
    const list = make(section, "ul");
    this.lines = lines.map(({ name, of, bad }, place) => {
      const item = make(list, "li", { class: `line-${place}` });
      make(make(item, "svg", { class: "swatch", viewBox: "0 0 24 4", "aria-hidden": "true" }), "line", { x1: 0, x2: 24, y1: 2, y2: 2 });
      make(item, "span", { class: "name" }, name);
      const value = make(item, "b", {}, "–");
      const peak = make(item, "span", { class: "peak" });
      return { name, of, bad, values: [], item, value, peak, path: make(this.svg, "path", { class: `line-${place}` }) };
    });
    // What moves is above the lines.
    this.svg.append(this.cursor);
    this.field.addEventListener("pointermove", (event) => this.point(event));
    this.field.addEventListener("pointerleave", () => this.go(null));
    this.field.addEventListener("blur", () => this.go(null));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  /** Adds what changed between two readings, of which the later is of `time`. */
  add(before, now, seconds, time) {
    this.times.push(time);
    for (const line of this.lines) line.values.push(line.of(before, now, seconds));
    let old = this.times.findIndex((kept) => kept >= time - MOST);
    if (old < 0) old = 0;
    this.times.splice(0, old);
    for (const line of this.lines) line.values.splice(0, old);
    if (this.at !== null) this.at = Math.max(this.at - old, 0);
    this.draw();
  }

  /** The time that is shown, and until when. */
  span() {
    const end = this.times.at(-1) ?? Date.now();
    const long = Math.min(Math.max(end - (this.times[0] ?? end), LEAST), MOST);
    return { end, long: Math.ceil(long / 60_000) * 60_000 };
  }

  x(time) {
    const { end, long } = this.span();
    return WIDTH * (1 - (end - time) / long);
  }

  draw() {
    const known = this.lines.flatMap((line) => line.values).filter((value) => value !== null);
    const top = round(Math.max(...known, this.least));
    const y = (value) => HEIGHT - (value / top) * HEIGHT;
    for (const line of this.lines) {
      // Where nothing was seen there is no line.
      let drawn = "";
      line.values.forEach((value, place) => {
        if (value === null) return;
        const starts = place === 0 || line.values[place - 1] === null;
        const [x, height] = [this.x(this.times[place]).toFixed(1), y(value).toFixed(1)];
        // A value between two gaps is a dot: a line of no length with round ends.
        drawn += starts ? `M${x} ${height}L${x} ${height}` : `L${x} ${height}`;
      });
      line.path.setAttribute("d", drawn);
    }
    for (const { part, text } of this.scale) text.textContent = this.format(part * top);
    for (const { part, text } of this.axis) text.textContent = ago(part * this.span().long);
    this.empty.hidden = known.length > 0;
    if (this.times.length > 0) this.empty.textContent = "Nothing was seen in this time";
    this.tell();
  }

  /** Says what is now, or was at the moment that is pointed at. */
  tell() {
    const last = this.times.length - 1;
    const place = this.at ?? last;
    const time = this.times[place];
    const told = (value) => (value === null || value === undefined ? "–" : this.format(value));
    for (const line of this.lines) {
      const value = line.values[place];
      line.value.textContent = told(value);
      const known = line.values.filter((value) => value !== null);
      line.peak.textContent = known.length > 0 ? `most ${this.format(Math.max(...known))}` : "";
      line.item.classList.toggle("bad", Boolean(line.bad && value > 0));
    }
    this.when.textContent = time === undefined ? "" : this.at === null ? "now" : `at ${clock.format(time)}`;
    const x = time === undefined ? 0 : this.x(time);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.cursor.setAttribute("visibility", this.at === null ? "hidden" : "visible");
    const text = this.lines.map((line) => `${line.name} ${told(line.values[place])}`).join(", ");
    const attributes = { valuemin: 0, valuemax: Math.max(last, 0), valuenow: Math.max(place, 0), valuetext: time === undefined ? "nothing yet" : `${clock.format(time)}: ${text}` };
    for (const [name, value] of Object.entries(attributes)) this.field.setAttribute(`aria-${name}`, value);
  }

  /** Goes to a reading, or to the last one and on with it. */
  go(place) {
    this.at = place === null || this.times.length === 0 ? null : Math.min(Math.max(place, 0), this.times.length - 1);
    this.tell();
  }

  point(event) {
    const { left, width } = this.field.getBoundingClientRect();
    const { end, long } = this.span();
    const time = end - (1 - (event.clientX - left) / width) * long;
    const distances = this.times.map((one) => Math.abs(one - time));
    this.go(distances.indexOf(Math.min(...distances)));
  }

  key(event) {
    const last = this.times.length - 1;
    const here = this.at ?? last;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here + 10, PageDown: here - 10, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.go(to);
  }
}
