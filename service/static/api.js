// Speaks to the service that sent this page. The key, if there is one, lives in this module
// alone: no storage, no cookie.

let key = "";
let refused = false;

/** An answer that is not the one asked for, in the service's own words. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function useKey(value) {
  key = value.trim();
  refused = false;
}

/** Whether the last answer was that a key is missing or wrong. */
export const isRefused = () => refused;

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service cannot be reached.");
  }
  if (response.status === 401) refused = true;
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

async function problemOf(response) {
  let detail = response.statusText || "no reason given";
  try {
    detail = (await response.json()).detail ?? detail;
  } catch {
    // Not from the service, but from something in front of it: the status has to do.
  }
  return new Problem(response.status, `${detail} (${response.status})`);
}

export const models = () => ask("models");
export const stats = () => ask("stats");
export const predict = (inputs, model, signal) =>
  ask("predict", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ inputs, model }),
    signal,
  });
