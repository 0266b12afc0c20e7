// Forms: one submission at a time, each message beside its field, and the wait after a refusal.

import { ApiError } from "./api.js";
import { erase, serviceText, text, textOf, write } from "./language.js";
import { HeicError } from "./picture.js";
import { endsSession } from "./session.js";

export const inputs = (parent) => parent.querySelectorAll("input");

const errorOf = (input) => document.getElementById(`${input.id}-error`);

export function clearErrors(parent) {
  for (const input of inputs(parent)) {
    input.removeAttribute("aria-invalid");
    erase(errorOf(input));
  }
}

/** Marks `input` as wrong; `say` returns the message. */
export function showError(input, say) {
  input.setAttribute("aria-invalid", "true");
  write(errorOf(input), say);
}

/** Shows each message beside its field, and moves the focus to the first. Returns if there was one. */
export function showErrors(parent, fields = {}) {
  const invalid = [...inputs(parent)].filter((input) => fields[input.name]);
  for (const input of invalid) {
    showError(input, () => [fields[input.name]].flat().map(serviceText).join(" "));
  }
  invalid[0]?.focus();
  return invalid.length > 0;
}

/** Shows a message that is not a refusal. */
export function inform(notice, say) {
  notice.classList.remove("refusal");
  write(notice, say);
}

export function refuse(notice, say) {
  notice.classList.add("refusal");
  write(notice, say);
}

/** Returns a function that says why a request failed, where no field is to blame. */
export function explain(error) {
  if (error instanceof HeicError) {
    return () => text("avatar_heic");
  }
  if (!(error instanceof ApiError)) {
    throw error;
  }
  switch (error.status) {
    case 0:
      return () => text("unreachable");
    case 429:
      return () => text(error.isLockOut ? "locked_out" : "throttled");
    default:
      return () => error.messages.map(serviceText).join(" ") || text("unexpected");
  }
}

const REQUIRED = "This field is required.";

/** Runs `action` with the form's values at each submission, one at a time. */
export function onSubmit(view, action) {
  const form = view.querySelector("form");
  const button = form.querySelector("[type=submit]");
  const notice = form.querySelector(".notice");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") {
      return;
    }
    clearErrors(form);
    erase(notice);
    const empty = [...inputs(form)].filter((input) => input.required && !input.value);
    if (showErrors(form, Object.fromEntries(empty.map(({ name }) => [name, REQUIRED])))) {
      return;
    }
    // A button that is `disabled` would lose the focus.
    button.ariaDisabled = "true";
    let failure = null;
    try {
      await action(Object.fromEntries(new FormData(form)), form);
    } catch (error) {
      failure = error;
    }
    button.ariaDisabled = "false";
    if (!failure || endsSession(failure) || showErrors(form, failure.fields)) {
      return;
    }
    refuse(notice, explain(failure));
    if (failure.status === 401) {
      inputs(form)[0].focus();
    } else if (failure.status === 429) {
      countDown(button, failure.retryAfter, notice);
    }
  });
}

// A deadline and not a count, because a browser slows the timers of a tab in the background.
function countDown(button, seconds, notice) {
  const label = textOf(button);
  const deadline = Date.now() + seconds * 1000;
  button.ariaDisabled = "true";
  const tick = () => {
    const left = Math.ceil((deadline - Date.now()) / 1000);
    if (left > 0) {
      write(button, () => text("try_again_in", left));
      return;
    }
    clearInterval(timer);
    button.ariaDisabled = "false";
    write(button, label);
    inform(notice, () => text("try_again_now"));
  };
  const timer = setInterval(tick, 250);
  tick();
}

/** Lets each button beside a password show it, until the form is reset: the next is for other eyes. */
export function revealPasswords() {
  for (const button of document.querySelectorAll(".reveal")) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const reveal = (shown) => {
      button.ariaPressed = shown;
      input.type = shown ? "text" : "password";
    };
    button.addEventListener("click", () => reveal(input.type === "password"));
    input.form.addEventListener("reset", () => reveal(false));
  }
}
