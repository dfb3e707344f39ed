// Block Kit, drawn. A place ({click, values, fields, known}) says where the blocks stand.
import { el, fresh, link, place as put, safeUrl } from "./dom.js";
import { control, valuesOf } from "./controls.js";
import { markdown } from "./markdown.js";
import { plainText, richText, words } from "./text.js";

const STATES = {
  pending: ["", "Pending"], in_progress: ["", "In progress"], complete: ["✓", "Complete"], error: ["!", "Error"],
};
const LEVELS = { default: "Note", info: "Information", warning: "Warning", error: "Error", success: "Success" };

// Plans that someone opened stay open while their block_id stays the same, as in Slack.
const opened = new Set();

function picture(element, className) {
  const file = element.slack_file?.id || element.slack_file?.url?.match(/[-/](F0[A-Z0-9]{9})/)?.[1];
  const source = file ? `/_sandbox/files/${file}` : safeUrl(element.image_url || "");
  return el("img", { class: className, src: source, alt: element.alt_text || "", loading: "lazy" });
}

function section(block, place) {
  return el("div", { class: "section" },
    el("div", { class: "section-words" },
      block.text ? el("div", { class: "text" }, words(block.text)) : null,
      block.fields ? el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "text" }, words(field)))) : null),
    block.accessory ? el("div", { class: "accessory" }, block.accessory.type === "image"
      ? picture(block.accessory, "thumb") : control(block.accessory, block.block_id, place)) : null);
}

function image(block) {
  return el("figure", { class: "picture" }, block.title ? el("figcaption", {}, plainText(block.title)) : null, picture(block, ""));
}

function input(block, place) {
  const id = fresh("input");
  const holder = control(block.element, block.block_id, place, block.dispatch_action ? "input" : false);
  const node = holder.querySelector("input, textarea, select") || holder.firstChild;
  const group = holder.querySelector(".choices");
  const error = el("p", { class: "error", id: `${id}-error`, role: "alert" });
  const hint = block.hint ? el("p", { class: "hint", id: `${id}-hint` }, plainText(block.hint)) : null;
  const described = [hint?.id, error.id].filter(Boolean).join(" ");
  const optional = block.optional ? el("span", { class: "optional" }, " (optional)") : null;
  if (group) {
    group.setAttribute("aria-labelledby", id);
    group.removeAttribute("aria-label");
    group.setAttribute("aria-describedby", described);
  } else {
    node.id = `${id}-field`;
    node.removeAttribute("aria-label");
    node.setAttribute("aria-describedby", described);
    if (!block.optional) node.setAttribute("aria-required", "true");
    if (block.element.focus_on_load) node.setAttribute("autofocus", "");
  }
  return el("div", { class: "input", "data-block": block.block_id },
    group ? el("div", { class: "label", id }, plainText(block.label), optional)
      : el("label", { class: "label", for: `${id}-field` }, plainText(block.label), optional),
    holder, error, hint);
}

function cell(one, align) {
  const node = el("td", {}, one.type === "rich_text" ? richText(one) : one.type === "raw_number" ? String(one.text ?? one.value) : one.text || "");
  if (node.textContent.length <= 12) node.className = "short"; // "41 ms" stays in one line
  node.style.textAlign = align || (one.type === "raw_number" ? "right" : "");
  return node;
}

function table(block) {
  const align = (at) => block.column_settings?.[at]?.align;
  const [head, ...rows] = block.rows;
  const header = el("tr", {}, head.map((one, at) => {
    const plain = cell(one, align(at));
    const node = el("th", { scope: "col" }, [...plain.childNodes]);
    node.style.textAlign = align(at) || "left";
    return node;
  }));
  return el("div", { class: "table-box", tabindex: "0", role: "group", "aria-label": "Table" },
    el("table", {}, el("thead", {}, header), el("tbody", {}, rows.map((row) => el("tr", {}, row.map((one, at) => cell(one, align(at))))))));
}

function state(status) {
  const [sign, name] = STATES[status] || STATES.pending;
  return el("span", { class: `state ${status || "pending"}`, role: "img", "aria-label": name, title: name }, sign);
}

function taskBody(task) {
  const parts = [];
  if (task.details) parts.push(el("div", { class: "task-details" }, richText(task.details)));
  if (task.output) parts.push(el("div", { class: "task-output" }, richText(task.output)));
  if (task.sources?.length) parts.push(el("p", { class: "sources" }, task.sources.map((one) => link(one.url, one.text || one.url))));
  return parts;
}

function task(block) {
  const body = taskBody(block);
  return el("div", { class: `task-row ${block.status || "pending"}` }, state(block.status),
    el("div", { class: "task-words" }, el("div", { class: "task-title" }, block.title), body));
}

function plan(block) {
  const tasks = block.tasks || [];
  const overall = tasks.some((one) => one.status === "error") ? "error"
    : tasks.length && tasks.every((one) => one.status === "complete") ? "complete" : tasks.some((one) => one.status === "in_progress") ? "in_progress" : "pending";
  const node = el("details", { class: "plan", open: opened.has(block.block_id) },
    el("summary", { "data-key": `plan/${block.block_id}` }, state(overall), el("span", { class: "plan-title" }, block.title)),
    el("div", { class: "plan-tasks", role: "list" }, tasks.map((one) => { const row = task(one); row.setAttribute("role", "listitem"); return row; })));
  node.addEventListener("toggle", () => (node.open ? opened.add(block.block_id) : opened.delete(block.block_id)));
  return node;
}

function card(block, place) {
  return el("div", { class: "card" },
    block.hero_image ? picture(block.hero_image, "hero") : null,
    el("div", { class: "card-words" },
      block.icon ? picture(block.icon, "card-icon") : null,
      el("div", {}, block.title ? el("div", { class: "card-title" }, words(block.title)) : null,
        block.subtitle ? el("div", { class: "card-subtitle" }, words(block.subtitle)) : null)),
    block.body ? el("div", { class: "card-body" }, words(block.body)) : null,
    block.actions ? el("div", { class: "actions" }, block.actions.map((one) => control(one, block.block_id, place))) : null);
}

function container(block, place) {
  const title = el("div", { class: "container-title" }, block.icon ? picture(block.icon, "card-icon") : null,
    el("div", {}, block.rich_text_title ? richText(block.rich_text_title) : plainText(block.title),
      block.subtitle ? el("div", { class: "card-subtitle" }, words(block.subtitle)) : null));
  const inside = el("div", { class: "container-inside" }, draw(block.child_blocks, place));
  if (!block.is_collapsible) return el("div", { class: `container ${block.has_header_divider ? "ruled" : ""}` }, title, inside);
  const node = el("details", { class: "container", open: !block.default_collapsed !== opened.has(block.block_id) }, el("summary", { "data-key": `container/${block.block_id}` }, title), inside);
  return node;
}

const DRAW = {
  section,
  image,
  input,
  table,
  plan,
  card,
  container,
  divider: () => el("hr"),
  header: (block) => el("h2", { class: "header" }, plainText(block.text)),
  context: (block) => el("div", { class: "context" }, block.elements.map((one) => (one.type === "image" ? picture(one, "tiny") : el("span", { class: "text" }, words(one))))),
  actions: (block, place) => el("div", { class: "actions" }, block.elements.map((one) => control(one, block.block_id, place))),
  context_actions: (block, place) => el("div", { class: "actions small" }, block.elements.map((one) => control(one, block.block_id, place))),
  markdown: (block) => el("div", { class: "markdown" }, markdown(block.text)),
  rich_text: richText,
  task_card: (block) => el("div", { class: "task-card" }, task(block)),
  alert: (block) => el("div", { class: `alert ${block.level || "default"}`, role: "note", "aria-label": LEVELS[block.level || "default"] }, words(block.text)),
  carousel: (block, place) => el("div", { class: "carousel", tabindex: "0", role: "group", "aria-label": "Cards" }, block.elements.map((one) => card(one, place))),
  video: (block) => el("div", { class: "card" }, link(block.title_url || block.video_url, plainText(block.title))),
};

export function draw(blocks, place) {
  return (blocks || []).map((block) => {
    const how = DRAW[block.type];
    return el("div", { class: `block block-${block.type}` }, how ? how(block, place) : null);
  });
}

// Draws a view's blocks anew, and leaves those alone that did not change: whoever types there goes on typing.
export function redraw(holder, blocks, place) {
  const old = new Map([...holder.children].map((node) => [node.dataset.blockId, node]));
  place.typed = valuesOf(place.fields);
  put(holder, blocks.map((block) => {
    const print = JSON.stringify(block);
    const before = old.get(block.block_id);
    if (before?.print === print) return before;
    const [node] = draw([block], place);
    node.dataset.blockId = block.block_id;
    node.print = print;
    return node;
  }));
  for (const [key, field] of place.fields) if (!holder.contains(field.node)) place.fields.delete(key);
}
