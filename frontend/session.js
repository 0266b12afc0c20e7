// The session: a token, the profile of its owner, and the requests that are made with them.

import { text } from "./language.js";

// The token is kept where it survives a reload, ends with the tab, and is in no other tab. It is not
// in a cookie, which the browser would send by itself, so no other site can make use of it. A script
// in this page could read it from any place: the guard against that is to let none in.
const TOKEN = "token";

/** `{ token, signal, end, profile }` while somebody is logged in. `signal` ends its requests. */
export let session = null;

let onEnd = () => {};

/** Calls `listener` at the end of every session, with a function that returns the notice. */
export function whenEnded(listener) {
  onEnd = listener;
}

/** The token of a session that a reload of the page has interrupted. */
export const keptToken = () => sessionStorage.getItem(TOKEN);

export function startSession(token) {
  session?.end();
  sessionStorage.setItem(TOKEN, token);
  const requests = new AbortController();
  session = { token, signal: requests.signal, end: () => requests.abort(), profile: null };
}

export function endSession(notice) {
  sessionStorage.removeItem(TOKEN);
  session.end();
  session = null;
  onEnd(notice);
}

/** Returns whether `error` says no more than that the session is over, and ends it if so. */
export function endsSession(error) {
  if (error.name === "AbortError") {
    return true;
  }
  if (!session || error.status !== 401) {
    return false;
  }
  // A token that the service refuses for any reason is as good as none, and the reason is for
  // developers. Only a disabled account would make a new log-in fail as well.
  const isDisabled = error.messages.includes("User account is disabled.");
  endSession(() => text(isDisabled ? "account_disabled" : "session_over"));
  return true;
}

// One update after another, so that the last response is the profile as it is.
let lastUpdate = Promise.resolve();

/** Runs `request`, which resolves to the changed profile, once all earlier updates are done. */
export function update(request) {
  const owner = session;
  const turn = async () => {
    owner.signal.throwIfAborted();
    owner.profile = await request(owner);
  };
  lastUpdate = lastUpdate.then(turn, turn);
  return lastUpdate;
}
