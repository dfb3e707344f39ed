// Building the page's elements. Text always goes in as text: nothing anyone wrote becomes markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export function announce(text) {
  byId("announce").textContent = "";
  requestAnimationFrame(() => { byId("announce").textContent = text; });
}

const SECONDS_OF_NEWS = 10;
const SECONDS_OF_A_TOAST = 20;

// Read out when whoever listens is done with what they listen to. The logs themselves are not read out: they are redrawn.
export function tellNews(text) {
  const told = el("p", {}, text);
  byId("news").append(told);
  setTimeout(() => told.remove(), SECONDS_OF_NEWS * 1000);
}

// Something to read that has no place of its own any more; seen and read out, and gone after a while or with a click.
export function showToast(text) {
  const toast = el("div", { class: "toast" }, el("span", {}, text),
    el("button", { class: "icon-button", type: "button", "aria-label": "Dismiss", onclick: () => toast.remove() }, "✕"));
  byId("toasts").replaceChildren(toast);
  setTimeout(() => toast.remove(), SECONDS_OF_A_TOAST * 1000);
}

let counter = 0;
export const fresh = (prefix) => `${prefix}-${++counter}`;

// A web address that may be followed or shown; anything else (javascript:, data:) is not a link.
export function safeUrl(text) {
  try {
    const url = new URL(text, location.href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(href, ...children) {
  const url = safeUrl(href);
  if (!url) return el("span", {}, ...children);
  const local = url.startsWith(`${location.origin}/archives/`);
  return el("a", { href: url, target: local ? undefined : "_blank", rel: "noopener noreferrer" }, ...children);
}

// Native dialogs trap the focus; giving it back is ours, as what had it may have been redrawn meanwhile.
export function openDialog(dialog) {
  const giveBack = rememberFocus();
  byId("dialogs").append(dialog);
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialog.remove();
    giveBack();
  });
}

// Puts the nodes into the holder in their order. Those that are there already stay where they are, and so does the focus.
export function place(holder, nodes) {
  const wanted = new Set(nodes);
  for (const old of [...holder.children]) if (!wanted.has(old)) old.remove();
  nodes.forEach((node, at) => { if (holder.children[at] !== node) holder.insertBefore(node, holder.children[at] || null); });
}

// ---- the focus -----------------------------------------------------------------------------------

// Returns what brings the focus back: to the control that has it now, to the one drawn in its place, or to its message.
export function rememberFocus() {
  const node = document.activeElement;
  if (!node || node === document.body) return () => {};
  const surface = node.closest(".message, dialog, .home, .tabs, .sidebar");
  const log = surface?.closest(".log");
  // A block that the app gives no name has another one after each change; what its control does and to what stays.
  const { key, action } = node.closest("[data-key]")?.dataset ?? {};
  const choice = ["radio", "checkbox"].includes(node.type) ? node.value : null;
  const cursor = typeof node.selectionStart === "number" ? [node.selectionStart, node.selectionEnd] : null;
  return () => {
    if (node.isConnected) { if (document.activeElement !== node) node.focus(); return; }
    const now = log ? log.querySelector(`:scope > .message[data-ts="${surface.dataset.ts}"]`) : surface;
    const find = (name, value) => value && now?.querySelector(`[data-${name}="${CSS.escape(value)}"]`);
    const same = find("key", key) || find("action", action);
    const chosen = choice !== null && same?.querySelector(`input[value="${CSS.escape(choice)}"]`);
    const next = chosen || same || now || log;
    next?.focus();
    if (cursor && next === same && next.setSelectionRange) next.setSelectionRange(...cursor);
  };
}
