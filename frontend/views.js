// The views: which of them is shown, and the card beside them.

import { getProfile } from "./api.js";
import { clearErrors, explain, inform, inputs, refuse } from "./forms.js";
import { text, write } from "./language.js";
import { endsSession, session } from "./session.js";

const element = (id) => document.getElementById(id);

/** Shows one view from its top, and moves the focus to its heading. */
export function show(name, notice = () => "") {
  const view = element(name);
  for (const other of document.querySelectorAll(".view")) {
    other.hidden = other !== view;
  }
  clearErrors(view);
  inform(view.querySelector(".notice"), notice);
  const loggedIn = name === "profile";
  element("log-out").hidden = session === null;
  element("avatar-tools").hidden = !loggedIn;
  // Without a profile the card is an ornament.
  element("card").setAttribute("aria-hidden", !loggedIn);
  document.body.dataset.view = name;
  view.querySelector("h1").focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Shows the form that the address points to; a session shows its profile whatever the address. */
export function route() {
  if (!session) {
    show(location.hash === "#sign-up" ? "sign-up" : "log-in");
  }
}

/** Loads the profile of the session, and shows it. */
export async function loadProfile() {
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
    refuse(element("loading").querySelector(".notice"), explain(error));
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

/** Characters of a name that fit beside the avatar of a phone. */
const LONG_NAME = 40;

/** Shows on the card what is known of a profile. */
export function showCard(profile) {
  const names = [profile.first_name, profile.patronymic, profile.last_name].filter(Boolean);
  const name = names.join(" ") || profile.username || "";
  element("full-name").textContent = name;
  element("full-name").classList.toggle("long", name.length > LONG_NAME);
  element("card-username").textContent = profile.username ?? "";
  element("card-email").textContent = profile.email ?? "";
  element("card-uuid").textContent = profile.uuid ?? "";
  element("initials").textContent = [name, names.slice(1).at(-1) ?? ""]
    .map((word) => ([...word][0] ?? "").toUpperCase())
    .join("");
  showAvatar(profile.avatar);
  element("avatar-remove").hidden = !profile.avatar;
}

/** Shows the avatar at `url`, or the initials where there is none. */
export function showAvatar(url) {
  const avatar = element("avatar");
  avatar.hidden = !url;
  element("initials").hidden = Boolean(url);
  if (url) {
    avatar.src = url;
  } else {
    avatar.removeAttribute("src");
  }
}

// An avatar that cannot be loaded is as good as none.
element("avatar").addEventListener("error", () => showAvatar(null));
