// Runs the public audits of GraphQL over HTTP against the server: each MUST, SHOULD and MAY is to hold.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CLIENTS}/`);
const { serverAudits } = require("graphql-http");

/** As the audits ask, but as somebody who may. */
const fetchFn = (url, { headers, ...rest } = {}) =>
  fetch(url, { ...rest, headers: { ...headers, "x-api-key": process.env.TOKEN }, signal: AbortSignal.timeout(15_000) });

const failed = [];
const audits = serverAudits({ url: `${process.env.BASE_URL}/graphql`, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== "ok") failed.push(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
}
console.log(`${audits.length - failed.length} of ${audits.length} audits pass`);
assert.deepEqual(failed, []);
assert.ok(audits.length >= 61, "there were audits that are gone");
