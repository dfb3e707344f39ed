// Modals of the app: the front one of a person's stack, with its errors and its buttons.
import { announce, byId, el, fresh, rememberFocus } from "./dom.js";
import { redraw } from "./blocks.js";
import { valuesOf } from "./controls.js";
import { plainText } from "./text.js";
import { get, post } from "./server.js";

let shown = null; // {dialog, view, dress}
let giveBack = null; // returns the focus to what had it before the first modal
let asked = 0; // of two looks at once, the later one counts

function stateValue(state) {
  if (!state) return undefined;
  if ("selected_option" in state) return state.selected_option?.value ?? "";
  if ("selected_options" in state) return state.selected_options.map((one) => one.value);
  const key = Object.keys(state).find((name) => name !== "type");
  return state[key] ?? undefined;
}

// Where a view's blocks stand. What is typed there and not sent yet goes before what Slack knows.
export function viewPlace(me, view) {
  const fields = new Map();
  return {
    fields,
    typed: {},
    values: () => valuesOf(fields),
    known(blockId, actionId) {
      const typed = this.typed[blockId]?.[actionId];
      return typed === undefined ? stateValue(view.state?.values?.[blockId]?.[actionId]) : typed ?? "";
    },
    click: (wish) => post("click", { as: me.id, ...(view.type === "home" ? { home: true } : { view_id: view.id }), ...wish }),
  };
}

function close() {
  if (!shown) return;
  shown.dialog.remove();
  shown = null;
}

export async function showModals(me) {
  const mine = ++asked;
  const { modals } = await get(`views?as=${me.id}`);
  if (mine !== asked) return;
  const view = modals.at(-1);
  if (!view) {
    close();
    giveBack?.();
    giveBack = null;
    return;
  }
  if (shown?.view.id === view.id) {
    if (shown.view.hash !== view.hash) shown.dress(view);
    return;
  }
  giveBack ||= rememberFocus();
  close();
  drawModal(me, view, modals.length > 1);
}

function drawModal(me, first, nested) {
  const heading = fresh("modal");
  const place = viewPlace(me, first);
  const trouble = el("p", { class: "dialog-trouble", role: "alert" });
  const ends = async (all) => { await post("close", { as: me.id, all }); await showModals(me); };
  const head = el("header");
  const body = el("div", { class: "dialog-body" });
  const foot = el("footer");
  const form = el("form", { novalidate: true }, head, body, trouble, foot);
  const dialog = el("dialog", { class: "modal", "aria-labelledby": heading }, form);
  const tool = (name, sign, all) => el("button", { class: "icon-button dark", type: "button", "aria-label": name, "data-key": name, onclick: () => ends(all) }, sign);
  let submit = null;
  // Also when the app changes the modal while somebody writes in it: the window, the words and the focus stay.
  const dress = (view) => {
    const stay = rememberFocus();
    submit = view.submit ? el("button", { class: "button primary", type: "submit", "data-key": "submit" }, plainText(view.submit)) : null;
    head.replaceChildren(...[nested ? tool("Back", "‹", false) : null, el("h2", { id: heading }, plainText(view.title)), tool("Close", "✕", true)].filter(Boolean));
    redraw(body, view.blocks, place);
    foot.replaceChildren(...[el("button", { class: "button", type: "button", "data-key": "close", onclick: () => ends(false) },
      view.close ? plainText(view.close) : "Cancel"), submit].filter(Boolean));
    if (dialog.open) stay();
    shown = { dialog, view, dress };
  };
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); ends(false); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!submit || submit.getAttribute("aria-busy")) return;
    const view = shown.view;
    trouble.textContent = "";
    submit.setAttribute("aria-busy", "true");
    try {
      const answer = await post("submit", { as: me.id, view_id: view.id, values: place.values() });
      showErrors(form, answer.errors || {});
      if (!answer.ok && !answer.errors) trouble.textContent = answer.text || "Something went wrong. Try again.";
    } catch (problem) {
      trouble.textContent = problem.message;
    }
    submit?.removeAttribute("aria-busy");
    await showModals(me);
  });
  dress(first);
  byId("dialogs").append(dialog);
  dialog.showModal();
  (dialog.querySelector("[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body select") || submit || dialog.querySelector("footer button"))?.focus();
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
