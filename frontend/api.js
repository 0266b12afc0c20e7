// The four endpoints. Each call is a promise of the answer's body, or fails with an ApiError.

import { API_URL } from "./config.js";

/** A request that did not succeed. */
export class ApiError extends Error {
  /**
   * @param {number} status The answer's status; 0 if there was none.
   * @param {Object} body The answer's body; `{}` if it was no JSON object.
   * @param {number} retryAfter Seconds to wait before the next try; 0 if the answer names none.
   */
  constructor(status, body = {}, retryAfter = 0) {
    super(`the service answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    const { detail, error, non_field_errors: whole, ...fields } = body;
    /** The messages about the request as a whole. */
    this.messages = [detail ?? error ?? whole ?? []].flat();
    /** The messages about single fields: `{ email: ["…"] }`. */
    this.fields = fields;
  }
}

export const signUp = (fields) => send("POST", "/create_user/", { body: fields });

export const logIn = (login, password) =>
  send("POST", "/obtain_token/", { body: { login, password } });

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

// XMLHttpRequest, because fetch does not tell how much of an upload has gone.
function send(method, path, { session, body, onProgress }) {
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
      const answer = parse(request.responseText);
      if (request.status < 300) {
        resolve(answer);
      } else {
        const retryAfter = Number(request.getResponseHeader("Retry-After"));
        reject(new ApiError(request.status, answer, retryAfter));
      }
    });
    // No connection, or an answer that this page may not read.
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
