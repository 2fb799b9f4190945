// The review page: a live count, keys, and a renewed hold while somebody types. Everything works without it.

const form = document.getElementById("approve-form");
const text = document.getElementById("text");
const help = document.getElementById("review-keys");

// Code points of the text as it will be stored, which is what servers count.
function codePoints(value) {
  return [...value.normalize("NFC").trim()].length;
}

function watchLength() {
  const count = document.querySelector("[data-count]");
  const status = document.querySelector("[data-count-status]");
  const limit = Number(text.dataset.limit);
  const update = () => {
    const length = codePoints(text.value);
    const message = length > limit ? status.dataset.over : length > limit * 0.9 ? status.dataset.near : "";
    count.textContent = length.toLocaleString(document.documentElement.lang);
    count.parentElement.classList.toggle("over", length > limit);
    // Said once when it becomes true, not at every letter.
    if (status.textContent !== message) status.textContent = message;
  };
  text.addEventListener("input", update);
  update();
}

function plain(value) {
  return value.replace(/\r\n?/g, "\n").normalize("NFC").trim();
}

function isUnsaved() {
  return plain(text.value) !== plain(text.dataset.saved);
}

// One click is one decision; leaving with unsaved words asks first. Only the form of the text takes them along.
function guardTheText() {
  let leaving = false;
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog") return;
    const asks = event.target !== form && event.target !== putAway && isUnsaved();
    if (leaving || (asks && !window.confirm(form.dataset.leave))) {
      event.preventDefault();
      return;
    }
    leaving = true;
  });
  window.addEventListener("pageshow", () => {
    leaving = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && isUnsaved()) event.preventDefault();
  });
}

const WORDS = "vedfolnir.words.";
const putAway = document.getElementById("put-away-form");

// What is on the page already, such as a text that was approved since: nothing of it can be lost.
function isOnThePage(value) {
  const shown = document.querySelectorAll("[id^=version-], .offered q");
  return [...shown].some((one) => plain(one.textContent) === plain(value));
}

// Typed words outlive the page, for this tab and this person: signing in again, a stale form, a link in haste.
function keepTheWords() {
  const name = WORDS + form.dataset.words;
  const fields = [text, document.getElementById("instruction"), document.querySelector("input[name=reason]")];
  const first = fields.map((field) => (field === text ? field.dataset.saved : field.defaultValue));
  const keep = () => {
    const typed = fields.map((field, at) => (plain(field.value) === plain(first[at]) ? null : field.value));
    if (typed.some((one) => one !== null)) sessionStorage.setItem(name, JSON.stringify(typed));
    else sessionStorage.removeItem(name);
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]");
    fields.forEach((field, at) => {
      const value = kept[at];
      if (typeof value !== "string" || plain(value) === plain(field.value) || isOnThePage(value)) return;
      if (field === text && "given" in form.dataset) return;
      field.value = value;
      const folded = field.closest("details");
      if (folded) folded.open = true;
      putAway.hidden = false;
    });
    keep();
  };
  restore();
  for (const field of fields) field.addEventListener("input", keep);
  putAway.addEventListener("submit", () => sessionStorage.removeItem(name));
}

// Words that were sent off with an approval are saved once another page says that it was done.
function forgetWhatIsSaved() {
  const sent = sessionStorage.getItem(`${WORDS}sent`);
  sessionStorage.removeItem(`${WORDS}sent`);
  const isDone = document.querySelector(".messages .success") && sent !== form?.dataset.words;
  if (sent && isDone) sessionStorage.removeItem(WORDS + sent);
  form?.addEventListener("submit", (event) => {
    const decides = !event.submitter?.hasAttribute("formaction");
    if (!event.defaultPrevented && decides) sessionStorage.setItem(`${WORDS}sent`, form.dataset.words);
  });
}

// "Use this text" without leaving the page; what was typed comes back with Undo.
function takeTexts() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-use]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const taken = document.getElementById(link.dataset.use);
    text.focus();
    text.select();
    // The only way to write into a field that keeps its history; an assignment where it is gone for good.
    if (!document.execCommand("insertText", false, taken.textContent)) {
      text.value = taken.textContent;
      text.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (link.dataset.language) {
      text.lang = link.dataset.language;
      form.elements.language.value = link.dataset.language;
    }
  });
}

function keepTheHold() {
  const every = 60_000;
  let renewed = Date.now();
  text.addEventListener("input", () => {
    if (Date.now() - renewed < every) return;
    renewed = Date.now();
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    fetch(form.dataset.hold, { method: "POST", body, credentials: "same-origin" }).catch(() => {
      renewed = 0; // no network: with the next letter again
    });
  });
}

const KEY = "vedfolnir.single-keys";

function singleKeysAreOn() {
  return localStorage.getItem(KEY) !== "off";
}

function press(key) {
  const target = document.querySelector(`[data-key="${key}"]`);
  if (key === "e" && text) text.focus();
  else if ((key === "r" || key === "d") && target) {
    target.parentElement.open = true;
    target.parentElement.querySelector("input[name=reason], textarea").focus();
  } else if (target) target.click();
  else return false;
  return true;
}

function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    const modified = event.altKey || event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && (event.altKey || event.ctrlKey) && form && !help?.open) {
      event.preventDefault();
      form.requestSubmit(document.getElementById(event.target.dataset.submits ?? ""));
      return;
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (modified || typing || event.repeat || help?.open || !singleKeysAreOn()) return;
    if (event.key === "?" && help) help.showModal();
    else if (!"adersn".includes(event.key) || event.key.length !== 1 || !press(event.key)) return;
    event.preventDefault();
  });
}

function offerHelp() {
  const button = document.querySelector("[data-help]");
  const single = document.getElementById("single-keys");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => help.showModal());
  }
  single.checked = singleKeysAreOn();
  single.addEventListener("change", () => localStorage.setItem(KEY, single.checked ? "on" : "off"));
}

forgetWhatIsSaved();
if (form) {
  keepTheWords();
  watchLength();
  guardTheText();
  keepTheHold();
  takeTexts();
}
if (help) offerHelp();
listenForKeys();
