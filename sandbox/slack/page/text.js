// Slack's mrkdwn, standard markdown, rich text and dates, turned into elements.
import { el, link } from "./dom.js";
import { EMOJI, emoji } from "./emoji.js";

export const names = { people: new Map(), groups: new Map(), channels: new Map(), me: null };

export const decode = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// ---- dates -------------------------------------------------------------------------------------

const zone = () => names.me?.tz || undefined;

export function format(seconds, options) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone(), ...options }).format(new Date(seconds * 1000));
}

export const clock = (seconds) => format(seconds, { hour: "2-digit", minute: "2-digit" });
export const dayKey = (seconds) => format(seconds, { year: "numeric", month: "2-digit", day: "2-digit" });

export function pretty(seconds, otherwise) {
  const now = Date.now() / 1000;
  if (dayKey(seconds) === dayKey(now)) return "today";
  if (dayKey(seconds) === dayKey(now - 86400)) return "yesterday";
  if (dayKey(seconds) === dayKey(now + 86400)) return "tomorrow";
  return otherwise();
}

export function ago(seconds) {
  const gone = Date.now() / 1000 - seconds;
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(gone) >= size) return relative.format(-Math.round(gone / size), unit);
  }
  return gone < 10 ? "just now" : relative.format(-Math.round(gone), "second");
}

const DATES = {
  date_num: (s) => format(s, { year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-"),
  date: (s) => format(s, { year: "numeric", month: "long", day: "numeric" }),
  date_short: (s) => format(s, { year: "numeric", month: "short", day: "numeric" }),
  date_long: (s) => format(s, { weekday: "long", year: "numeric", month: "long", day: "numeric" }),
  time: clock,
  time_secs: (s) => format(s, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  ago,
};
for (const name of ["date", "date_short", "date_long"]) DATES[`${name}_pretty`] = (s) => pretty(s, () => DATES[name](s));
DATES.day_divider_pretty = DATES.date_long_pretty;

function date(parts, fallback) {
  const [, seconds, pattern, address] = parts;
  if (!/^\d+$/.test(seconds) || !pattern) return fallback || "";
  const words = pattern.replace(/\{(\w+)\}/g, (whole, name) => (DATES[name] ? DATES[name](Number(seconds)) : whole));
  const shown = el("time", { datetime: new Date(seconds * 1000).toISOString(), title: DATES.date_long(Number(seconds)) }, words);
  return address ? link(address, shown) : shown;
}

// ---- mentions and links ------------------------------------------------------------------------

export function mention(kind, id, label) {
  if (kind === "@") {
    const person = names.people.get(id);
    const mine = names.me && id === names.me.id;
    return el("span", { class: mine ? "mention mine" : "mention" }, `@${person ? person.name : label || id}`);
  }
  if (kind === "#") return el("span", { class: "mention" }, `#${names.channels.get(id)?.name || label || id}`);
  if (kind === "group") return el("span", { class: "mention" }, `@${names.groups.get(id)?.handle || label || id}`);
  return el("span", { class: "mention mine" }, `@${id}`);
}

function angle(inner) {
  const bar = inner.indexOf("|");
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? "" : decode(inner.slice(bar + 1));
  if (target.startsWith("!date^")) return date(target.slice(1).split("^"), label);
  if (target.startsWith("!subteam^")) return mention("group", target.slice(9), label.replace(/^@/, ""));
  if (target.startsWith("!")) return mention("all", target.slice(1));
  if (target.startsWith("@") || target.startsWith("#")) return mention(target[0], target.slice(1), label);
  const address = decode(target);
  return link(address, label || address.replace(/^mailto:/, ""));
}

// ---- mrkdwn ------------------------------------------------------------------------------------

const INLINE = new RegExp(
  "(`[^`\\n]+`)|<([^<>\\n]+)>|:([a-z0-9_+'-]+(?:::skin-tone-\\d)?):|(https?://[^\\s<>|]+[^\\s<>|.,;:!?)'\"])" +
  "|(?<![\\w*])(\\*(?=\\S)[^*\\n]*?[^\\s*]\\*)(?![\\w*])|(?<![\\w_])(_(?=\\S)[^_\\n]*?[^\\s_]_)(?![\\w_])" +
  "|(?<![\\w~])(~(?=\\S)[^~\\n]*?[^\\s~]~)(?![\\w~])", "gi");

function inline(text, verbatim) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, inner, smiley, address, bold, italic, strike] = match;
    if (match.index > at) out.push(decode(text.slice(at, match.index)));
    if (code) out.push(el("code", {}, decode(code.slice(1, -1))));
    else if (inner) out.push(angle(inner));
    else if (smiley) out.push(EMOJI.has(smiley.split("::")[0]) ? emoji(smiley) : decode(whole));
    else if (address) out.push(verbatim ? decode(address) : link(decode(address), decode(address)));
    else if (bold) out.push(el("strong", {}, inline(bold.slice(1, -1), verbatim)));
    else if (italic) out.push(el("em", {}, inline(italic.slice(1, -1), verbatim)));
    else if (strike) out.push(el("s", {}, inline(strike.slice(1, -1), verbatim)));
    at = match.index + whole.length;
  }
  out.push(decode(text.slice(at)));
  return out;
}

function lines(text, verbatim) {
  return text.split("\n").flatMap((line, number) => (number ? [el("br")] : []).concat(inline(line, verbatim)));
}

// Where it is `verbatim`, a bare address stays text.
export function mrkdwn(text, verbatim = false) {
  const out = [];
  text.split("```").forEach((part, number, all) => {
    if (number % 2 && number < all.length - 1) {
      out.push(el("pre", { tabindex: "0" }, decode(part.replace(/^\n|\n$/g, "")).replace(/<(https?:[^|>]+)(?:\|([^>]*))?>/g, "$1")));
      return;
    }
    const rest = number % 2 ? `\`\`\`${part}` : part;
    let quote = [];
    const plain = [];
    const flushQuote = () => { if (quote.length) out.push(el("blockquote", {}, lines(quote.join("\n"), verbatim))); quote = []; };
    const flushPlain = () => { if (plain.length) out.push(...lines(plain.splice(0).join("\n"), verbatim)); };
    for (const line of rest.replace(number ? /^\n/ : /^$/, "").split("\n")) {
      const quoted = line.match(/^(?:&gt;|>)\s?(.*)$/);
      if (quoted) { flushPlain(); quote.push(quoted[1]); } else { flushQuote(); plain.push(line); }
    }
    flushQuote();
    flushPlain();
  });
  return out;
}

export function plainText(object) {
  const text = object.text || "";
  if (object.emoji === false) return [text];
  return text.split(/:([a-z0-9_+'-]+):/gi).map((part, number) => (number % 2 ? emoji(part) : part));
}

export const words = (object) => (object.type === "mrkdwn" ? mrkdwn(object.text || "", object.verbatim) : plainText(object));

// ---- rich text ---------------------------------------------------------------------------------

function leaf(element) {
  let node;
  switch (element.type) {
    case "text": node = element.text; break;
    case "link": node = link(element.url, element.text || element.url); break;
    case "user": return mention("@", element.user_id);
    case "channel": return mention("#", element.channel_id);
    case "usergroup": return mention("group", element.usergroup_id);
    case "broadcast": return mention("all", element.range);
    case "emoji": return emoji(element.name);
    case "date": return date(["", String(element.timestamp), element.format, element.url], element.fallback);
    case "color": return el("code", {}, element.value);
    default: return "";
  }
  const style = element.style || {};
  if (style.code) node = el("code", {}, node);
  if (style.strike) node = el("s", {}, node);
  if (style.italic) node = el("em", {}, node);
  if (style.bold) node = el("strong", {}, node);
  return typeof node === "string" ? broken(node) : node;
}

const broken = (text) => text.split("\n").flatMap((line, number) => (number ? [el("br"), line] : [line]));

export function richText(block) {
  return el("div", { class: "rich" }, (block.elements || []).map((part) => {
    const inner = part.elements || [];
    if (part.type === "rich_text_list") {
      const tag = part.style === "ordered" ? "ol" : "ul";
      const list = el(tag, { start: tag === "ol" && part.offset ? part.offset + 1 : null },
        inner.map((item) => el("li", {}, item.elements.map(leaf))));
      list.style.marginLeft = `${(part.indent || 0) * 24}px`;
      return list;
    }
    if (part.type === "rich_text_preformatted") return el("pre", { tabindex: "0" }, inner.map((one) => one.text || one.url || ""));
    if (part.type === "rich_text_quote") return el("blockquote", {}, inner.map(leaf));
    return el("div", {}, inner.map(leaf));
  }));
}
