// The field to type into: Enter sends, "/" offers commands, "@" offers people; all of it by keyboard.
import { el, fresh } from "./dom.js";
import { names } from "./text.js";

const BUILT_IN = [{ command: "/invite", description: "Add someone to this channel", usage_hint: "@someone" }];

// The words a command takes, as its usage hint lists them: "upgrade [VERSION] | backup | help".
function subcommands(command) {
  const parts = (command?.usage_hint || "").split("|").map((part) => part.trim());
  return parts.length < 2 ? [] : parts.filter((part) => /^[a-z][\w-]*(\s|$)/.test(part)).map((part) => ({ name: part.split(/\s/)[0], usage: part }));
}

// What was typed and not sent, by channel and thread.
const drafts = new Map();

export function composer({ id, label, commands, send, draft }) {
  const listId = fresh("offers");
  const hint = el("p", { class: "composer-hint", id: `${listId}-hint` });
  const error = el("p", { class: "composer-error", role: "alert" });
  const offers = el("div", { class: "offers", id: listId, role: "listbox", "aria-label": "Suggestions", hidden: true });
  const field = el("textarea", { id, rows: "1", placeholder: label, "aria-label": label, role: "combobox", "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": listId, "aria-describedby": hint.id, autocomplete: "off", spellcheck: "true" });
  const button = el("button", { class: "send", type: "button", "aria-label": "Send", disabled: true }, "➤");
  let found = [];
  let chosen = 0;
  let moved = false; // did someone pick with the arrows?

  const close = () => {
    offers.hidden = true;
    found = [];
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const mark = () => {
    [...offers.children].forEach((node, at) => node.setAttribute("aria-selected", String(at === chosen)));
    field.setAttribute("aria-activedescendant", `${listId}-${chosen}`);
    offers.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const show = (list) => {
    found = list;
    chosen = 0;
    moved = false;
    if (!list.length) { close(); return; }
    offers.replaceChildren(...list.map((one, at) => el("div", { class: "offer", role: "option", id: `${listId}-${at}`, onmousedown: (event) => {
      event.preventDefault();
      chosen = at;
      take();
    } }, el("strong", {}, one.name), one.usage && one.usage !== one.name ? el("code", {}, one.usage) : null, el("span", {}, one.about))));
    offers.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark();
  };
  const take = () => {
    const one = found[chosen];
    const before = field.value.slice(0, field.selectionStart).slice(0, -one.typed.length);
    const after = field.value.slice(field.selectionStart);
    field.value = `${before}${one.name} ${after}`;
    const at = before.length + one.name.length + 1;
    field.setSelectionRange(at, at);
    look();
    close();
  };
  const look = () => {
    error.textContent = "";
    drafts.set(draft, field.value);
    button.disabled = !field.value.trim();
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 220)}px`;
    const before = field.value.slice(0, field.selectionStart);
    const all = [...commands(), ...BUILT_IN];
    const command = all.find((one) => field.value === one.command || field.value.startsWith(`${one.command} `));
    hint.textContent = command?.usage_hint ? `${command.command} ${command.usage_hint}` : "";
    const word = command && before.match(/^\/\S+\s+([a-z-]*)$/);
    const slash = before.match(/^\/\S*$/);
    const at = before.match(/(?:^|\s)(@[\w.-]*)$/);
    if (slash) show(all.filter((one) => one.command.startsWith(slash[0])).map((one) => ({ name: one.command, usage: one.usage_hint, about: one.description, typed: slash[0] })));
    else if (word?.[1]) show(subcommands(command).filter((one) => one.name.startsWith(word[1]))
      .map((one) => ({ name: one.name, usage: one.usage, about: "", typed: word[1], sendable: true })));
    else if (at) show([...names.people.values()].filter((one) => !one.deleted && one.name.startsWith(at[1].slice(1).toLowerCase()))
      .map((one) => ({ name: `@${one.name}`, about: one.real_name || "", typed: at[1] })));
    else close();
  };
  const submit = async () => {
    const text = field.value;
    if (!text.trim()) return;
    field.value = "";
    look();
    try {
      await send(text.startsWith("/") ? text.trim() : text);
    } catch (problem) {
      if (!field.value) field.value = text;
      look();
      error.textContent = problem.message;
    }
  };
  field.addEventListener("input", look);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (!offers.hidden) {
      // Enter sends what is complete; a half-typed word after a command may be meant as it is.
      const whole = found[chosen].name === found[chosen].typed || (found[chosen].sendable && !moved);
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        moved = true;
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
        mark();
        return;
      }
      if (event.key === "Tab" || (event.key === "Enter" && !whole)) { event.preventDefault(); take(); return; }
      if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); return; }
    }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); submit(); }
  });
  button.addEventListener("click", () => { submit(); field.focus(); });
  field.value = drafts.get(draft) || "";
  requestAnimationFrame(look);
  return el("div", { class: "composer" }, offers, el("div", { class: "composer-box" }, field, button), hint, error);
}
