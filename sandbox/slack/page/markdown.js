// Standard markdown, for blocks of type markdown: headings, lists, tasks, quotes, tables, code, links.
import { el, link } from "./dom.js";
import { EMOJI, emoji } from "./emoji.js";

const INLINE = new RegExp(
  "(?<code>`+)(?<inner>.+?)\\k<code>|!?\\[(?<label>[^\\]]*)\\]\\((?<href>[^)\\s]+)[^)]*\\)|<(?<auto>https?://[^>\\s]+)>" +
  "|(?<bare>https?://[^\\s<>]+[^\\s<>.,;:!?)'\"])|\\*\\*(?<strong>.+?)\\*\\*|__(?<strong2>.+?)__|~~(?<strike>.+?)~~" +
  "|\\*(?<em>[^\\s*][^*]*)\\*|(?<![\\w])_(?<em2>[^\\s_][^_]*)_(?![\\w])|:(?<smiley>[a-z0-9_+-]+):|\\\\(?<escaped>[\\\\`*_~\\[\\]()#>!-])", "g");

function inline(text) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const part = match.groups;
    if (match.index > at) out.push(text.slice(at, match.index));
    if (part.inner !== undefined) out.push(el("code", {}, part.inner));
    else if (part.href !== undefined) out.push(link(part.href, inline(part.label)));
    else if (part.auto || part.bare) out.push(link(part.auto || part.bare, part.auto || part.bare));
    else if (part.strong || part.strong2) out.push(el("strong", {}, inline(part.strong || part.strong2)));
    else if (part.strike) out.push(el("s", {}, inline(part.strike)));
    else if (part.em || part.em2) out.push(el("em", {}, inline(part.em || part.em2)));
    else if (part.smiley) out.push(EMOJI.has(part.smiley) ? emoji(part.smiley) : match[0]);
    else if (part.escaped) out.push(part.escaped);
    at = match.index + match[0].length;
  }
  out.push(text.slice(at));
  return out;
}

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const cells = (row) => row.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function list(lines, depth) {
  const ordered = /\d/.test(lines[0].match(ITEM)[2]);
  const node = el(ordered ? "ol" : "ul", {});
  while (lines.length) {
    const match = lines[0].match(ITEM);
    if (!match || match[1].length < depth) break;
    if (match[1].length > depth && node.lastChild) {
      node.lastChild.append(list(lines, match[1].length));
      continue;
    }
    lines.shift();
    const task = match[3].match(/^\[([ xX])\]\s+(.*)$/);
    node.append(task
      ? el("li", { class: "task" }, el("input", { type: "checkbox", checked: task[1] !== " ", disabled: true, "aria-label": task[1] === " " ? "open" : "done" }), inline(task[2]))
      : el("li", {}, inline(match[3])));
  }
  return node;
}

export function markdown(text) {
  const lines = text.replaceAll("\r", "").split("\n");
  const out = [];
  while (lines.length) {
    const line = lines[0];
    const fence = line.match(/^\s*(```+|~~~+)/);
    const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
    if (fence) {
      lines.shift();
      const code = [];
      while (lines.length && !lines[0].trim().startsWith(fence[1])) code.push(lines.shift());
      lines.shift();
      out.push(el("pre", { tabindex: "0" }, code.join("\n")));
    } else if (heading) {
      lines.shift();
      out.push(el("p", { class: `md-heading md-${heading[1].length}`, role: "heading", "aria-level": "4" }, inline(heading[2])));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      lines.shift();
      out.push(el("hr"));
    } else if (line.startsWith(">")) {
      const quote = [];
      while (lines.length && lines[0].startsWith(">")) quote.push(lines.shift().replace(/^>\s?/, ""));
      out.push(el("blockquote", {}, markdown(quote.join("\n"))));
    } else if (ITEM.test(line)) {
      const items = [];
      while (lines.length && ITEM.test(lines[0])) items.push(lines.shift());
      while (items.length) out.push(list(items, items[0].match(ITEM)[1].length));
    } else if (line.includes("|") && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[1] || "") && lines[1].includes("-")) {
      const head = cells(lines.shift());
      lines.shift();
      const rows = [];
      while (lines.length && lines[0].includes("|")) rows.push(cells(lines.shift()));
      out.push(el("div", { class: "table-box", tabindex: "0", role: "group", "aria-label": "Table" }, el("table", {},
        el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col" }, inline(cell))))),
        el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, inline(cell)))))))));
    } else if (!line.trim()) {
      lines.shift();
    } else {
      const paragraph = [];
      while (lines.length && lines[0].trim() && !/^(#{1,6}\s|>|\s*```)/.test(lines[0]) && !ITEM.test(lines[0])) paragraph.push(lines.shift());
      out.push(el("p", {}, paragraph.flatMap((one, number) => (number ? [el("br"), ...inline(one)] : inline(one)))));
    }
  }
  return out;
}
