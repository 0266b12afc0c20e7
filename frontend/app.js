// Starts the page, and says what its forms do.

import { logIn, signUp, updateProfile, whenWaiting } from "./api.js";
import "./avatar.js";
import { PASSWORD_POLICY } from "./config.js";
import { onSubmit, revealPasswords } from "./forms.js";
import { erase, speak, text, write } from "./language.js";
import { endSession, keptToken, session, startSession, update, whenEnded } from "./session.js";
import { loadProfile, route, show, showCard } from "./views.js";

const element = (id) => document.getElementById(id);

function enter(token) {
  startSession(token);
  return loadProfile();
}

whenEnded((notice) => {
  element("profile").querySelector("form").reset();
  erase(element("profile-status"));
  erase(element("avatar-status"));
  history.replaceState(null, "", "#log-in");
  showCard({});
  show("log-in", notice);
});

onSubmit(element("log-in"), async ({ login, password }, form) => {
  const { token } = await logIn(login, password);
  form.reset();
  await enter(token);
});

const TAKEN = "user with this email already exists.";

// Addresses whose sign-up may have succeeded although the page saw it fail.
const uncertain = new Set();

onSubmit(element("sign-up"), async ({ email, password, username }, form) => {
  let outcome = "created";
  try {
    // Without a username the service makes one.
    await signUp({ email, password, ...(username && { username }) });
  } catch (error) {
    if (error.isUncertain) {
      uncertain.add(email);
    }
    const isTaken = error.fields?.email?.includes(TAKEN);
    if (!isTaken || !(error.repeated || uncertain.has(email))) {
      throw error;
    }
    // Most likely it is this person's own account, and then the log-in succeeds.
    outcome = "exists";
  }
  form.reset();
  let token;
  try {
    ({ token } = await logIn(email, password));
  } catch {
    // The account is there: to sign up again would only say that the address is taken.
    element("log-in-login").value = email;
    history.replaceState(null, "", "#log-in");
    show("log-in", () => text(outcome));
    return;
  }
  await enter(token);
});

// The card fills in as somebody signs up.
element("sign-up").addEventListener("input", () => {
  const email = element("sign-up-email").value;
  showCard({ email, username: element("sign-up-username").value || email.split("@")[0] });
});

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
  showCard(session.profile);
  write(status, () => text("saved"));
});

element("profile").addEventListener("input", () => erase(element("profile-status")));

whenWaiting((isWaiting) => write(element("waiting"), () => (isWaiting ? text("waiting") : "")));

element("log-out").addEventListener("click", () => endSession(() => text("logged_out")));
element("retry").addEventListener("click", loadProfile);
window.addEventListener("hashchange", route);

revealPasswords();
write(element("sign-up-password-hint"), () => text(`password_${PASSWORD_POLICY}`));
showCard({});
speak();
const token = keptToken();
if (token) {
  enter(token);
} else {
  route();
}
