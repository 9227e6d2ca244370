// Reads a text in Prometheus' format.

/** The series of the text: name, labels, value. */
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
