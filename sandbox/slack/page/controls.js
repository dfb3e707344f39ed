// Interactive elements. Each control knows its name (block_id, action_id) and can tell its value.
import { announce, el, fresh, openDialog, safeUrl, showToast } from "./dom.js";
import { names, plainText, words } from "./text.js";

const FAILED = "The app did not respond. You can try again.";
const GONE = "That has changed meanwhile, and nothing was sent. Look at what it says now.";

export function askFirst(confirm, then) {
  const danger = confirm.style === "danger";
  const heading = fresh("confirm");
  const dialog = el("dialog", { class: "confirm", "aria-labelledby": heading },
    el("header", {}, el("h2", { id: heading }, plainText(confirm.title))),
    el("div", { class: "dialog-body" }, words(confirm.text)),
    el("footer", {},
      el("button", { class: "button", autofocus: true, onclick: () => dialog.close() }, plainText(confirm.deny)),
      el("button", { class: `button ${danger ? "danger" : "primary"}`, onclick: () => { dialog.close(); then(); } }, plainText(confirm.confirm))));
  openDialog(dialog);
}

// Sends an action. `place` says where the control stands and how to send; the warning stays beside it.
async function act(place, node, element, blockId, value) {
  const send = async (confirm) => {
    const holder = node.closest(".control") || node;
    holder.querySelector(".trouble")?.remove();
    node.setAttribute("aria-busy", "true");
    try {
      const answer = await place.click({ action_id: element.action_id, block_id: blockId, value, confirm, values: place.values() });
      if (!answer.ok) trouble(holder, FAILED);
    } catch (error) {
      trouble(holder, error.message);
    }
    node.removeAttribute("aria-busy");
  };
  if (element.confirm) askFirst(element.confirm, () => send(true));
  else await send(undefined);
}

function trouble(holder, text) {
  // What was pressed is gone: somebody else was faster.
  if (!holder.isConnected) { showToast(GONE); return; }
  holder.append(el("span", { class: "trouble", role: "img", "aria-label": text, title: text }, "⚠"));
  announce(text);
}

const label = (element) => element.accessibility_label || element.placeholder?.text || element.text?.text || "Choose";
const held = (element) => element.__state; // what was chosen before, if the view remembers

function button(element, blockId, place) {
  const node = el("button", { class: `button ${element.style || ""}`, type: "button", "data-key": `${blockId}/${element.action_id}`,
    "aria-label": element.accessibility_label }, plainText(element.text));
  node.addEventListener("click", () => {
    if (node.getAttribute("aria-busy")) return;
    const address = element.url && safeUrl(element.url);
    if (address) window.open(address, "_blank", "noopener,noreferrer");
    act(place, node, element, blockId, undefined);
  });
  return node;
}

function options(element) {
  const option = (one) => el("option", { value: one.value }, one.text.text);
  if (element.option_groups) return element.option_groups.map((group) => el("optgroup", { label: group.label.text }, group.options.map(option)));
  if (element.options) return element.options.map(option);
  if (element.type.includes("users")) {
    return [...names.people.values()].filter((p) => !p.deleted).map((p) => el("option", { value: p.id }, p.real_name || p.name));
  }
  return [...names.channels.values()].filter((c) => c.name).map((c) => el("option", { value: c.id }, `#${c.name}`));
}

function select(element, blockId, place, sends) {
  const several = element.type.startsWith("multi_");
  if (several) return checks({ ...element, options: element.options || element.option_groups?.flatMap((g) => g.options) ||
    options(element).map((node) => ({ value: node.value, text: { text: node.textContent } })) }, blockId, place, sends);
  const before = held(element) ?? element.initial_option?.value ?? element.initial_user ?? element.initial_channel ?? element.initial_conversation ?? "";
  const node = el("select", { class: "select", "aria-label": label(element), "data-key": `${blockId}/${element.action_id}` },
    el("option", { value: "" }, element.placeholder?.text || "Choose an option"), options(element));
  node.value = before;
  if (sends) node.addEventListener("change", () => node.value && act(place, node, element, blockId, node.value));
  return node;
}

function checks(element, blockId, place, sends) {
  const single = element.type === "radio_buttons";
  const first = held(element) ?? (single ? element.initial_option?.value : (element.initial_options || []).map((one) => one.value ?? one));
  const on = new Set([first ?? []].flat());
  const name = fresh("choice");
  const group = el("div", { class: "choices", role: single ? "radiogroup" : "group", "aria-label": label(element), "data-key": `${blockId}/${element.action_id}`, tabindex: "-1" },
    element.options.map((one) => el("label", { class: "choice" },
      el("input", { type: single ? "radio" : "checkbox", name, value: one.value, checked: on.has(one.value) }),
      el("span", {}, words({ type: "plain_text", ...one.text }), one.description ? el("small", {}, words(one.description)) : null))));
  if (sends) group.addEventListener("change", () => act(place, group, element, blockId, read(group, element)));
  return group;
}

function field(element, blockId, place, sends) {
  const key = { "data-key": `${blockId}/${element.action_id}`, placeholder: element.placeholder?.text, class: "field" };
  const kinds = { email_text_input: "email", url_text_input: "url", number_input: "number", datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" };
  const node = element.multiline || element.type === "rich_text_input"
    ? el("textarea", { ...key, rows: "4", maxlength: element.max_length })
    : el("input", { ...key, type: kinds[element.type] || "text", maxlength: element.max_length, min: element.min_value, max: element.max_value,
      step: element.is_decimal_allowed ? "any" : undefined });
  const before = held(element) ?? element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  node.value = element.type === "datetimepicker" && before ? new Date(before * 1000).toISOString().slice(0, 16) : before;
  if (!element.type.endsWith("input")) {
    node.setAttribute("aria-label", label(element));
    if (sends) node.addEventListener("change", () => node.value && act(place, node, element, blockId, read(node, element)));
  } else if (sends === "input") {
    const triggers = element.dispatch_action_config?.trigger_actions_on || ["on_enter_pressed"];
    if (triggers.includes("on_enter_pressed")) node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || (event.shiftKey && node.tagName === "TEXTAREA")) return;
      event.preventDefault();
      act(place, node, element, blockId, read(node, element));
    });
    if (triggers.includes("on_character_entered")) node.addEventListener("input", () => act(place, node, element, blockId, read(node, element)));
  }
  return node;
}

function overflow(element, blockId, place) {
  const list = el("div", { class: "menu", role: "menu", hidden: true });
  const opener = el("button", { class: "button overflow", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions",
    "data-key": `${blockId}/${element.action_id}` }, "⋯");
  const close = (back) => { list.hidden = true; opener.setAttribute("aria-expanded", "false"); if (back) opener.focus(); };
  list.append(...element.options.map((one) => el("button", { role: "menuitem", type: "button", class: "menu-item", onclick: () => {
    close(true);
    const address = one.url && safeUrl(one.url);
    if (address) window.open(address, "_blank", "noopener,noreferrer");
    act(place, opener, element, blockId, one.value);
  } }, words({ type: "plain_text", ...one.text }))));
  opener.addEventListener("click", () => {
    list.hidden = !list.hidden;
    opener.setAttribute("aria-expanded", String(!list.hidden));
    if (!list.hidden) list.firstChild.focus();
  });
  const box = el("span", { class: "overflow-box" }, opener, list);
  box.addEventListener("keydown", (event) => {
    const items = [...list.children];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape" && !list.hidden) { event.stopPropagation(); close(true); }
    if (list.hidden || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    items[(at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length].focus();
  });
  box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget)) close(false); });
  return box;
}

function feedback(element, blockId, place) {
  const one = (which) => el("button", { class: "button", type: "button", "aria-label": which.accessibility_label || which.text?.text,
    onclick: (event) => act(place, event.currentTarget, element, blockId, which.value) }, plainText(which.text || { text: "" }));
  return el("span", {}, one(element.positive_button), one(element.negative_button));
}

// The control for an element. `sends`: true sends every choice, "input" follows dispatch_action, false waits for submit.
export function control(element, blockId, place, sends = true) {
  const known = place.known?.(blockId, element.action_id);
  if (known !== undefined) element = { ...element, __state: known };
  let node;
  if (element.type === "button" || element.type === "icon_button") node = button(element, blockId, place);
  else if (element.type === "overflow") node = overflow(element, blockId, place);
  else if (element.type === "feedback_buttons") node = feedback(element, blockId, place);
  else if (element.type === "checkboxes" || element.type === "radio_buttons") node = checks(element, blockId, place, sends);
  else if (element.type.endsWith("select")) node = select(element, blockId, place, sends);
  else node = field(element, blockId, place, sends);
  if (element.type !== "button") place.fields.set(`${blockId}/${element.action_id}`, { blockId, element, node, read: () => read(node, element) });
  const focused = node.matches("[data-key]") ? node : node.querySelector("[data-key]");
  if (focused) focused.dataset.action = `${element.action_id}/${element.value ?? ""}`;
  return el("span", { class: `control kind-${element.type}` }, node);
}

function read(node, element) {
  if (node.classList.contains("choices")) {
    const on = [...node.querySelectorAll("input:checked")].map((one) => one.value);
    return element.type === "radio_buttons" ? on[0] ?? null : on;
  }
  if (element.type === "datetimepicker") return node.value ? Math.floor(new Date(node.value).getTime() / 1000) : null;
  return node.value === undefined || node.value === "" ? null : node.value;
}

// {block_id: {action_id: value}} of all fields of a surface, as the sandbox takes them.
export function valuesOf(fields) {
  const values = {};
  for (const { blockId, element, read: value } of fields.values()) {
    if (["overflow", "feedback_buttons", "icon_button"].includes(element.type)) continue;
    (values[blockId] ||= {})[element.action_id] = value();
  }
  return values;
}
