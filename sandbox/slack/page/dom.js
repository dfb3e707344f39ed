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

// Native dialogs trap the focus and give it back by themselves.
export function openDialog(dialog) {
  const before = document.activeElement;
  byId("dialogs").append(dialog);
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before && before.isConnected) before.focus();
  });
}
