// Starts the page, and says what its forms do.

import { logIn, signUp, updateProfile } from "./api.js";
import "./avatar.js";
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

element("log-out").addEventListener("click", () => endSession(() => text("logged_out")));
element("retry").addEventListener("click", loadProfile);
window.addEventListener("hashchange", route);

revealPasswords();
showCard({});
speak();
const token = keptToken();
if (token) {
  enter(token);
} else {
  route();
}
