// The four endpoints. Each call is a promise of the response's body, or fails with an ApiError.

import { API_URL } from "./config.js";

/** A request that did not succeed. */
export class ApiError extends Error {
  /**
   * @param {number} status The response's status; 0 if there was none.
   * @param {Object} body The response's body; `{}` if it was not a JSON object.
   * @param {number} retryAfter Seconds to wait before the next try; 0 if the response names none.
   */
  constructor(status, body = {}, retryAfter = 0) {
    super(`the service responded with ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    const { detail, error, non_field_errors: whole, ...fields } = body;
    /** The messages about the request as a whole. */
    this.messages = [detail ?? error ?? whole ?? []].flat();
    /** The messages about single fields: `{ email: ["…"] }`. */
    this.fields = fields;
    /** Whether too many log-ins with this login have failed. */
    this.isLockOut = false;
    /** Whether an earlier try of the same request may have succeeded, with its response lost. */
    this.repeated = false;
  }

  /** Whether the service may have done what it was asked to. */
  get isUncertain() {
    return this.status === 0 || this.status >= 500;
  }
}

export const signUp = (fields) => send("POST", "/create_user/", { body: fields });

export async function logIn(login, password) {
  try {
    return await send("POST", "/obtain_token/", { body: { login, password } });
  } catch (error) {
    // The gateway's own 429, for too many requests in all, asks for one second. So does the shortest
    // lock-out, which is over before anybody has typed another password.
    error.isLockOut = error.status === 429 && error.retryAfter > 1;
    throw error;
  }
}

export const getProfile = (session) => send("GET", "/get_profile/", { session });

/** Changes the fields that are in `changes`; `null` clears one. */
export const updateProfile = (session, changes) =>
  send("PUT", "/update_profile/", { session, body: changes });

/** Uploads a picture; `onProgress` is told which share of it has gone, from 0 to 1. */
export function uploadAvatar(session, file, onProgress) {
  const body = new FormData();
  body.append("avatar", file);
  return send("PUT", "/update_profile/", { session, body, onProgress });
}

/** How often a request is repeated after a 503. */
const MAX_REPEATS = 2;

/** Seconds to wait after a 503 that names none; something in front of the service sends those. */
const RETRY_AFTER = 5;

let onWait = () => {};

/** Calls `listener` with `true` before a wait for the service, and with `false` after it. */
export function whenWaiting(listener) {
  onWait = listener;
}

async function send(method, path, options) {
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await sendOnce(method, path, options);
    } catch (error) {
      error.repeated = repeats > 0;
      if (error.status !== 503 || repeats === MAX_REPEATS) {
        throw error;
      }
      onWait(true);
      await pause(error.retryAfter || RETRY_AFTER, options.session?.signal).finally(() => onWait(false));
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

// XMLHttpRequest, because fetch does not tell how much of an upload has gone.
function sendOnce(method, path, { session, body, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, API_URL + path);
    if (session) {
      request.setRequestHeader("Authorization", `JWT ${session.token}`);
      session.signal.addEventListener("abort", () => request.abort());
    }
    if (onProgress) {
      request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    }
    request.addEventListener("load", () => {
      const response = parse(request.responseText);
      if (request.status < 300) {
        resolve(response);
      } else {
        const retryAfter = Number(request.getResponseHeader("Retry-After"));
        reject(new ApiError(request.status, response, retryAfter));
      }
    });
    // No connection, or a response that this page may not read.
    request.addEventListener("error", () => reject(new ApiError(0)));
    request.addEventListener("abort", () => reject(session.signal.reason));
    if (!body || body instanceof FormData) {
      // The browser alone knows the boundary of a form.
      request.send(body);
    } else {
      request.setRequestHeader("Content-Type", "application/json");
      request.send(JSON.stringify(body));
    }
  });
}

// A proxy between the service and this page may respond with something else than JSON.
function parse(json) {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}
