// The language that the page speaks, and the texts that are on it.
//
// A text reaches the document as text alone (`textContent`), whether it comes from the service or
// from the user.

import { SERVICE_TEXTS, TEXTS } from "./messages.js";

// The choice outlives the session, as it says nothing about the account.
const CHOICE = "language";
const LANGUAGES = Object.keys(TEXTS);
const wanted = [localStorage.getItem(CHOICE), ...navigator.languages].map((tag) => tag?.slice(0, 2));
let language = wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en";

/** One of the page's own texts. */
export function text(key, ...values) {
  const text = TEXTS[language][key];
  return typeof text === "function" ? text(...values) : text;
}

/** A message of the service in the page's language; one without a translation stays as it was sent. */
export function serviceText(message) {
  for (const [original, translation] of Object.entries(SERVICE_TEXTS[language] ?? {})) {
    const values = pattern(original).exec(message)?.slice(1);
    if (values) {
      return typeof translation === "function" ? translation(...values) : translation;
    }
  }
  return message;
}

function pattern(original) {
  const literals = original.split(/\{\w+\}/).map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^${literals.join("(.+)")}$`, "s");
}

// The text of each element, as a function, so that the page can say it again in another language.
const texts = new Map();

/** Makes `target` say the text that `say` returns, in whichever language the page speaks. */
export function write(target, say) {
  texts.set(target, say);
  target.textContent = say();
}

export const erase = (target) => write(target, () => "");

/** The function whose text `target` shows. */
export const textOf = (target) => texts.get(target);

/** Fills in the texts of the document, and lets its buttons switch the language. */
export function speak() {
  for (const target of document.querySelectorAll("[data-text]")) {
    texts.set(target, () => text(target.dataset.text));
  }
  for (const button of document.querySelectorAll(".languages button")) {
    button.addEventListener("click", () => {
      language = button.value;
      localStorage.setItem(CHOICE, language);
      showLanguage();
    });
  }
  showLanguage();
}

function showLanguage() {
  document.documentElement.lang = language;
  document.title = text("title");
  document.getElementById("avatar").alt = text("avatar");
  for (const target of document.querySelectorAll("[data-label]")) {
    target.setAttribute("aria-label", text(target.dataset.label));
  }
  for (const [target, say] of texts) {
    target.textContent = say();
  }
  for (const button of document.querySelectorAll(".languages button")) {
    button.setAttribute("aria-pressed", button.value === language);
  }
}
