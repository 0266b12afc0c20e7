// The page: which view is shown, what the forms do, and the session.
//
// Whatever the service or the user says reaches the document as text alone (`textContent`, `value`).

import { ApiError, getProfile, logIn, signUp, updateProfile, uploadAvatar } from "./api.js";
import { LANGUAGES, chooseLanguage, currentLanguage, serviceText, text } from "./messages.js";

const element = (id) => document.getElementById(id);

// What each element says, as a function, so that it can be said again in another language.
const texts = new Map();

function write(target, say) {
  texts.set(target, say);
  target.textContent = say();
}

const erase = (target) => write(target, () => "");

for (const target of document.querySelectorAll("[data-text]")) {
  write(target, () => text(target.dataset.text));
}

function showLanguage() {
  document.documentElement.lang = currentLanguage();
  document.title = text("title");
  element("avatar").alt = text("avatar");
  for (const target of document.querySelectorAll("[data-label]")) {
    target.setAttribute("aria-label", text(target.dataset.label));
  }
  for (const [target, say] of texts) {
    target.textContent = say();
  }
  for (const button of document.querySelectorAll(".languages button")) {
    button.setAttribute("aria-pressed", button.value === currentLanguage());
  }
}

for (const button of document.querySelectorAll(".languages button")) {
  button.addEventListener("click", () => {
    chooseLanguage(button.value);
    showLanguage();
  });
}

// The token is kept where it survives a reload, ends with the tab, and is in no other tab. It is not
// in a cookie, which the browser would send by itself, so no other site can make use of it. A script
// in this page could read it from any place: the guard against that is to let none in.
const TOKEN = "token";

// `{ token, signal, end, profile }` while somebody is logged in. `signal` ends its requests.
let session = null;

function startSession(token) {
  session?.end();
  sessionStorage.setItem(TOKEN, token);
  const requests = new AbortController();
  session = { token, signal: requests.signal, end: () => requests.abort(), profile: null };
  return loadProfile();
}

function endSession(notice) {
  sessionStorage.removeItem(TOKEN);
  session.end();
  session = null;
  element("profile").querySelector("form").reset();
  erase(element("profile-status"));
  erase(element("avatar-status"));
  history.replaceState(null, "", "#log-in");
  showCard({});
  show("log-in", notice);
}

/** Whether `error` says no more than that the session is over; if so, that has been seen to. */
function endsSession(error) {
  if (error.name === "AbortError") {
    return true;
  }
  if (!session || error.status !== 401) {
    return false;
  }
  // A token that the service refuses for any reason is as good as none.
  const reasons = error.messages.filter((message) => message !== "Signature has expired.");
  endSession(() => [text("session_over"), ...reasons.map(serviceText)].join(" "));
  return true;
}

element("log-out").addEventListener("click", () => endSession(() => text("logged_out")));

/** Shows one view from its top, and moves the focus to its heading. */
function show(name, notice = () => "") {
  const view = element(name);
  for (const other of document.querySelectorAll(".view")) {
    other.hidden = other !== view;
  }
  clearErrors(view);
  write(view.querySelector(".notice"), notice);
  const loggedIn = name === "profile";
  element("log-out").hidden = session === null;
  element("avatar-tools").hidden = !loggedIn;
  // Without a profile the card is an ornament.
  element("card").setAttribute("aria-hidden", !loggedIn);
  document.body.dataset.view = name;
  view.querySelector("h1").focus({ preventScroll: true });
  scrollTo(0, 0);
}

// A session shows its profile wherever the address points to.
function route() {
  if (!session) {
    show(location.hash === "#sign-up" ? "sign-up" : "log-in");
  }
}

window.addEventListener("hashchange", route);

async function loadProfile() {
  const heading = element("loading").querySelector("h1");
  show("loading");
  write(heading, () => text("loading"));
  element("retry").hidden = true;
  try {
    session.profile = await getProfile(session);
  } catch (error) {
    if (endsSession(error)) {
      return;
    }
    write(heading, () => text("failed"));
    write(element("loading").querySelector(".notice"), explain(error));
    element("retry").hidden = false;
    element("retry").focus();
    return;
  }
  showCard(session.profile);
  for (const input of inputs(element("profile"))) {
    input.value = session.profile[input.name] ?? "";
  }
  show("profile");
}

element("retry").addEventListener("click", loadProfile);

/** Shows on the card what is known of a profile. */
function showCard(profile) {
  const names = [profile.first_name, profile.patronymic, profile.last_name].filter(Boolean);
  const name = names.join(" ") || profile.username || "";
  element("full-name").textContent = name;
  element("card-username").textContent = profile.username ?? "";
  element("card-email").textContent = profile.email ?? "";
  element("card-uuid").textContent = profile.uuid ?? "";
  element("initials").textContent = [name, names.slice(1).at(-1) ?? ""]
    .map((word) => ([...word][0] ?? "").toUpperCase())
    .join("");
  showPicture(profile.avatar);
  element("avatar-remove").hidden = !profile.avatar;
}

function showPicture(url) {
  const picture = element("avatar");
  picture.hidden = !url;
  element("initials").hidden = Boolean(url);
  if (url) {
    picture.src = url;
  } else {
    picture.removeAttribute("src");
  }
}

// A picture that cannot be loaded is as good as none.
element("avatar").addEventListener("error", () => showPicture(null));

/** What went wrong, where no field is to blame. */
function explain(error) {
  if (!(error instanceof ApiError)) {
    throw error;
  }
  switch (error.status) {
    case 0:
      return () => text("unreachable");
    case 429:
      return () => text("locked_out");
    default:
      return () => error.messages.map(serviceText).join(" ") || text("unexpected");
  }
}

const inputs = (parent) => parent.querySelectorAll("input");

const errorOf = (input) => element(`${input.id}-error`);

function clearErrors(parent) {
  for (const input of inputs(parent)) {
    input.removeAttribute("aria-invalid");
    erase(errorOf(input));
  }
}

/** Shows each message beside its field, and moves the focus to the first. */
function showErrors(parent, fields = {}) {
  const invalid = [...inputs(parent)].filter((input) => fields[input.name]);
  for (const input of invalid) {
    input.setAttribute("aria-invalid", "true");
    write(errorOf(input), () => [fields[input.name]].flat().map(serviceText).join(" "));
  }
  invalid[0]?.focus();
  return invalid.length > 0;
}

/** Runs `action` with the form's values at each submission, one at a time. */
function onSubmit(view, action) {
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
    write(notice, explain(failure));
    if (failure.status === 401) {
      inputs(form)[0].focus();
    } else if (failure.status === 429) {
      countDown(button, failure.retryAfter, notice);
    }
  });
}

// A deadline and not a count, because a browser slows the timers of a tab that nobody looks at.
function countDown(button, seconds, notice) {
  const label = texts.get(button);
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
    write(notice, () => text("try_again_now"));
  };
  const timer = setInterval(tick, 250);
  tick();
}

onSubmit(element("log-in"), async ({ login, password }, form) => {
  const { token } = await logIn(login, password);
  form.reset();
  await startSession(token);
});

onSubmit(element("sign-up"), async ({ email, password, username }, form) => {
  // Without a username the service makes one.
  await signUp({ email, password, ...(username && { username }) });
  form.reset();
  let token;
  try {
    ({ token } = await logIn(email, password));
  } catch {
    // The account is there: to sign up again would only say that the address is taken.
    element("log-in-login").value = email;
    history.replaceState(null, "", "#log-in");
    show("log-in", () => text("created"));
    return;
  }
  await startSession(token);
});

// The card fills in as somebody signs up.
element("sign-up").addEventListener("input", () => {
  const email = element("sign-up-email").value;
  showCard({ email, username: element("sign-up-username").value || email.split("@")[0] });
});

for (const button of document.querySelectorAll(".reveal")) {
  const input = element(button.getAttribute("aria-controls"));
  const reveal = (shown) => {
    button.ariaPressed = shown;
    input.type = shown ? "text" : "password";
  };
  button.addEventListener("click", () => reveal(input.type === "password"));
  // The next password is for other eyes.
  input.form.addEventListener("reset", () => reveal(false));
}

// One update after another, so that the last answer is the profile as it is.
let lastUpdate = Promise.resolve();

function update(request) {
  const owner = session;
  const turn = async () => {
    owner.signal.throwIfAborted();
    owner.profile = await request(owner);
    showCard(owner.profile);
  };
  lastUpdate = lastUpdate.then(turn, turn);
  return lastUpdate;
}

onSubmit(element("profile"), async (values) => {
  const status = element("profile-status");
  erase(status);
  const changes = Object.entries(values)
    .map(([name, value]) => [name, value.trim() || null])
    .filter(([name, value]) => value !== session.profile[name]);
  if (changes.length === 0) {
    write(status, () => text("unchanged"));
    return;
  }
  await update((owner) => updateProfile(owner, Object.fromEntries(changes)));
  write(status, () => text("saved"));
});

// What the service takes, so that nobody waits for an upload that it must refuse.
const MAX_AVATAR_BYTES = 4 << 20;

async function changeAvatar(request, done) {
  const tools = element("avatar-tools");
  const status = element("avatar-status");
  clearErrors(tools);
  erase(status);
  try {
    await update(request);
    write(status, () => text(done));
  } catch (error) {
    if (endsSession(error)) {
      return;
    }
    showCard(session.profile);
    if (!showErrors(tools, error.fields)) {
      showErrors(tools, { avatar: [] });
      write(element("avatar-file-error"), explain(error));
    }
  }
}

function upload(file) {
  const progress = element("avatar-progress");
  return changeAvatar(async (owner) => {
    if (!file) {
      const message = "The submitted data was not a file. Check the encoding type on the form.";
      throw new ApiError(400, { avatar: [message] });
    }
    if (file.size > MAX_AVATAR_BYTES) {
      throw new ApiError(400, { avatar: ["Ensure this file is no larger than 4 MiB."] });
    }
    const preview = URL.createObjectURL(file);
    showPicture(preview);
    progress.value = 0;
    progress.hidden = false;
    write(element("avatar-status"), () => text("avatar_uploading"));
    try {
      return await uploadAvatar(owner, file, (share) => {
        progress.value = share;
      });
    } finally {
      progress.hidden = true;
      erase(element("avatar-status"));
      URL.revokeObjectURL(preview);
    }
  }, "avatar_saved");
}

element("avatar-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  // So that the same file can be chosen again.
  target.value = "";
  upload(file);
});

element("avatar-remove").addEventListener("click", async () => {
  await changeAvatar((owner) => updateProfile(owner, { avatar: null }), "avatar_removed");
  // The button has gone, and the focus with it.
  if (session && element("avatar-remove").hidden) {
    element("avatar-file").focus();
  }
});

// The whole page takes a dropped picture: one that misses a smaller target would replace the page.
// What is not a file may still be dropped into a field.
const intoField = ({ target, dataTransfer }) =>
  target instanceof HTMLInputElement && !dataTransfer.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (!intoField(event)) {
    event.preventDefault();
    element("card").classList.toggle("target", Boolean(session?.profile));
  }
});

document.addEventListener("dragleave", ({ relatedTarget }) => {
  // Only where the page is left, and not from one element to the next.
  if (!relatedTarget) {
    element("card").classList.remove("target");
  }
});

document.addEventListener("drop", (event) => {
  if (intoField(event)) {
    return;
  }
  event.preventDefault();
  element("card").classList.remove("target");
  if (session?.profile) {
    upload(event.dataTransfer.files[0]);
  }
});

showCard({});
showLanguage();
const token = sessionStorage.getItem(TOKEN);
if (token) {
  startSession(token);
} else {
  route();
}
