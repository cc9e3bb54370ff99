// Calls of the relay's API, with the token of this tab, if it has one.
//
// The token comes in the fragment of the address that `tailhub dashboard` prints, which no server and no log gets to
// see, or by the dialog; it stays in this tab's storage only, and is sent to the server that this page is from.

import { language } from "./words.js";

const KEPT = "tailhub.token";
const LIMIT_MS = 5000;
let token = "";

// Takes the token out of the address bar, and from where an earlier load of this tab has put it.
export function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  try {
    token = sessionStorage.getItem(KEPT) ?? "";
  } catch {
    token = "";
  }
  if (fragment.has("token")) {
    setToken(fragment.get("token"));
    history.replaceState(null, "", location.pathname + location.search + `#${fragment.get("view") ?? "overview"}`);
  }
}

export function setToken(text) {
  token = text.trim();
  try {
    sessionStorage.setItem(KEPT, token);
  } catch {
    // Storage is off: it lasts until this page is loaded anew.
  }
}

export const hasToken = () => token !== "";

// The relay, or what is on the way to it, does not answer.
export class AwayError extends Error {}

// It answered that this cannot be.
export class RefusedError extends Error {
  constructor(status, error) {
    const said = error.texts?.[language] ?? error;
    super(said.what ?? `HTTP ${status}`);
    this.status = status;
    this.remedy = said.remedy ?? "";
    this.code = error.code ?? "";
  }
}

// Calls `method` `path`, which is behind api/v1/; the JSON of the answer. Raises AwayError or RefusedError.
export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  // A header's value has no other characters; a token with others is wrong anyway.
  if (/^[\x21-\x7e]+$/.test(token)) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let text;
  try {
    response = await fetch(`api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    text = await response.text();
  } catch (error) {
    throw new AwayError(String(error));
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = {};
  }
  if (response.ok) return value;
  if (response.status === 502 || response.status === 504 || (response.status === 503 && !value.error)) {
    throw new AwayError(`HTTP ${response.status}`); // a proxy in front of a relay that is gone
  }
  throw new RefusedError(response.status, value.error ?? {});
}

export const get = (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return call("GET", text ? `${path}?${text}` : path);
};
