// Asking the two edges. The token is kept for as long as the tab is open, and nowhere else.

/** @import { Operation } from "./operations.js" */

const KEY = "taskgate:token";

/** The token that was typed, if somebody is signed in. */
export const token = () => sessionStorage.getItem(KEY);

/** @param {string} text */
export const signIn = (text) => sessionStorage.setItem(KEY, text);

/** Forgets the token. */
export const signOut = () => sessionStorage.removeItem(KEY);

/** What went wrong: in words, by its code, and the id under which the server's log has it. */
export class Trouble extends Error {
  /**
   * @param {string} message
   * @param {string} code
   * @param {string | null} requestId
   */
  constructor(message, code, requestId) {
    super(message);
    this.code = code;
    this.requestId = requestId ?? undefined;
  }
}

/** Sent to the document when the server does not know the token (any more). */
export const UNKNOWN_TOKEN = "taskgate:unknown-token";

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function call(path, init) {
  // A token is made of what a header can carry. Another text is nobody's token.
  const sendable = /^[\x21-\x7e]+$/.test(token() ?? "");
  const headers = { ...init.headers, ...(sendable && { authorization: `Bearer ${token()}` }) };
  const url = new URL(path, document.baseURI);
  const response = await fetch(url, { ...init, headers, cache: "no-store", credentials: "omit" }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server could not be reached.", "OFFLINE", null);
  });
  const body = await response.json().catch(() => null);
  return { response, body, requestId: response.headers.get("x-request-id") };
}

/**
 * @param {string} message
 * @param {string} code
 * @param {string | null} requestId
 */
function refuse(message, code, requestId) {
  if (code === "UNAUTHENTICATED") document.dispatchEvent(new CustomEvent(UNKNOWN_TOKEN));
  return new Trouble(message, code, requestId);
}

/**
 * Asks GraphQL. All that is asked for comes back, or the first trouble is thrown.
 * @template Data, Variables
 * @param {Operation<Data, Variables>} query
 * @param {Variables} variables
 * @param {AbortSignal} [signal]
 * @returns {Promise<Data>}
 */
export async function ask(query, variables, signal) {
  const headers = { accept: "application/graphql-response+json", "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify({ query, variables }), signal: signal ?? null };
  const { response, body, requestId } = await call("graphql", init);
  const [error] = body?.errors ?? [];
  if (error) throw refuse(error.message, error.extensions?.code ?? "UNKNOWN", requestId);
  if (!body?.data) throw refuse(`The server answered ${response.status}.`, "UNKNOWN", requestId);
  return body.data;
}

/**
 * Reads from REST what GraphQL has no field for.
 * @param {string} path
 * @param {Record<string, string | number>} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function read(path, query, signal) {
  const words = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const { response, body, requestId } = await call(`${path}?${words}`, { signal: signal ?? null });
  if (response.ok) return body;
  const message = body?.message ?? body?.detail ?? `The server answered ${response.status}.`;
  throw refuse(message, response.headers.get("x-error-code") ?? "UNKNOWN", requestId);
}
