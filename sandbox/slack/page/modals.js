// Modals of the app: the front one of a person's stack, with its errors and its buttons.
import { announce, byId, el, fresh } from "./dom.js";
import { draw } from "./blocks.js";
import { valuesOf } from "./controls.js";
import { plainText } from "./text.js";
import { get, post } from "./server.js";

let shown = null; // {dialog, view, fields}
let before = null; // what had the focus before the first modal

function stateValue(state) {
  if (!state) return undefined;
  if ("selected_option" in state) return state.selected_option?.value ?? "";
  if ("selected_options" in state) return state.selected_options.map((one) => one.value);
  const key = Object.keys(state).find((name) => name !== "type");
  return state[key] ?? undefined;
}

export function viewPlace(me, view, typed) {
  const fields = new Map();
  return {
    fields,
    values: () => valuesOf(fields),
    known: (blockId, actionId) => typed?.[blockId]?.[actionId] ?? stateValue(view.state?.values?.[blockId]?.[actionId]),
    click: (wish) => post("click", { as: me.id, ...(view.type === "home" ? { home: true } : { view_id: view.id }), ...wish }),
  };
}

function close() {
  if (!shown) return;
  shown.dialog.remove();
  shown = null;
}

export async function showModals(me) {
  const { modals } = await get(`views?as=${me.id}`);
  const view = modals.at(-1);
  if (!view) {
    close();
    if (before?.isConnected) before.focus();
    before = null;
    return;
  }
  if (shown?.view.hash === view.hash && shown.view.id === view.id) return;
  if (!shown) before = document.activeElement;
  const same = shown?.view.id === view.id;
  const typed = same ? valuesOf(shown.fields) : null;
  const focused = same ? document.activeElement?.dataset?.key : null;
  close();
  drawModal(me, view, modals.length > 1, typed);
  if (focused) shown.dialog.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function drawModal(me, view, nested, typed) {
  const heading = fresh("modal");
  const place = viewPlace(me, view, typed);
  const trouble = el("p", { class: "dialog-trouble", role: "alert" });
  const ends = async (all) => { await post("close", { as: me.id, all }); await showModals(me); };
  const submit = view.submit ? el("button", { class: "button primary", type: "submit" }, plainText(view.submit)) : null;
  const form = el("form", { novalidate: true },
    el("header", {}, nested ? el("button", { class: "icon-button dark", type: "button", "aria-label": "Back", onclick: () => ends(false) }, "‹") : null,
      el("h2", { id: heading }, plainText(view.title)),
      el("button", { class: "icon-button dark", type: "button", "aria-label": "Close", onclick: () => ends(true) }, "✕")),
    el("div", { class: "dialog-body" }, draw(view.blocks, place)),
    trouble,
    el("footer", {}, el("button", { class: "button", type: "button", onclick: () => ends(false) }, view.close ? plainText(view.close) : "Cancel"), submit));
  const dialog = el("dialog", { class: "modal", "aria-labelledby": heading }, form);
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); ends(false); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!submit || submit.getAttribute("aria-busy")) return;
    trouble.textContent = "";
    submit.setAttribute("aria-busy", "true");
    try {
      const answer = await post("submit", { as: me.id, view_id: view.id, values: place.values() });
      showErrors(form, answer.errors || {});
      if (!answer.ok && !answer.errors) trouble.textContent = answer.text || "Something went wrong. Try again.";
    } catch (problem) {
      trouble.textContent = problem.message;
    }
    submit.removeAttribute("aria-busy");
    await showModals(me);
  });
  byId("dialogs").append(dialog);
  dialog.showModal();
  (dialog.querySelector("[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body select") || submit || dialog.querySelector("footer button"))?.focus();
  shown = { dialog, view, fields: place.fields };
}

function showErrors(form, errors) {
  let first = null;
  for (const block of form.querySelectorAll(".input")) {
    const text = errors[block.dataset.block] || "";
    block.querySelector(".error").textContent = text;
    const field = block.querySelector("input, textarea, select");
    if (text) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
    if (text && !first) first = field;
  }
  first?.focus();
  if (first) announce(Object.values(errors)[0]);
}
