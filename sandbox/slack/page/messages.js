// One message as people see it: author, words or blocks, files, reactions, its thread.
import { el } from "./dom.js";
import { draw } from "./blocks.js";
import { valuesOf } from "./controls.js";
import { emoji } from "./emoji.js";
import { clock, format, dayKey, mrkdwn, names, pretty } from "./text.js";
import { post } from "./server.js";

const COLOURS = ["#4a154b", "#1264a3", "#007a5a", "#b5421c", "#7c2d8b", "#0b7285", "#8a5a00", "#a61e4d"];

export const seconds = (ts) => Number(ts.split(".")[0]);

export function avatar(person) {
  const bot = person?.is_bot;
  const words = (person?.real_name || person?.name || "?").split(" ");
  const node = el("span", { class: `avatar ${bot ? "bot" : ""}`, "aria-hidden": "true" },
    bot ? null : words.map((word) => word[0]).slice(0, 2).join("").toUpperCase());
  const sum = [...(person?.id || "?")].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  if (!bot) node.style.background = COLOURS[sum % COLOURS.length];
  return node;
}

export const nameOf = (person) => (person ? (person.is_bot ? person.real_name || person.name : person.real_name || person.name) : "Someone");

function when(ts) {
  const time = seconds(ts);
  const full = format(time, { dateStyle: "full", timeStyle: "medium" });
  return el("time", { class: "time", datetime: new Date(time * 1000).toISOString(), title: full }, clock(time));
}

export function place(me, message) {
  const fields = new Map();
  return {
    fields,
    values: () => valuesOf(fields),
    click: (wish) => post("click", { as: me.id, channel: message.channel, ts: message.ts, ...wish }),
  };
}

function files(message) {
  return (message.files || []).map((file) => {
    const address = `/_sandbox/files/${file.id}`;
    const size = file.size > 1e6 ? `${(file.size / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(file.size / 1e3))} kB`;
    if (file.mimetype?.startsWith("image/") && !file.mimetype.includes("svg")) {
      return el("figure", { class: "picture" }, el("figcaption", {}, file.title),
        el("a", { href: address, target: "_blank", rel: "noopener" }, el("img", { src: address, alt: file.alt_txt || file.title, loading: "lazy" })));
    }
    const preview = file.preview ? el("pre", { class: "preview", tabindex: "0", role: "group", "aria-label": `Beginning of ${file.title}` }, file.preview) : null;
    return el("div", {}, preview, el("a", { class: "file", href: address, download: file.name }, el("span", { class: "file-icon", "aria-hidden": "true" }, file.pretty_type.slice(0, 4)),
      el("span", {}, el("strong", {}, file.title), el("small", {}, `${file.pretty_type} - ${size}`))));
  });
}

function attachments(message, where) {
  return (message.attachments || []).map((one) => {
    const node = el("div", { class: "attachment" },
      one.pretext ? el("div", { class: "text" }, mrkdwn(one.pretext)) : null,
      one.title ? el("strong", {}, one.title) : null,
      one.text ? el("div", { class: "text" }, mrkdwn(one.text)) : null,
      draw(one.blocks, where));
    if (/^#?[0-9a-f]{6}$/i.test(one.color || "")) node.style.borderColor = `#${one.color.replace("#", "")}`;
    return node;
  });
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return el("div", { class: "reactions" }, message.reactions.map((one) => el("span", { class: "reaction",
    title: one.users.map((id) => names.people.get(id)?.name || id).join(", ") }, emoji(one.name), ` ${one.count}`)));
}

function threadLine(message, openThread) {
  if (!message.reply_count) return null;
  const last = seconds(message.latest_reply);
  const people = message.reply_users.map((id) => avatar(names.people.get(id)));
  return el("button", { class: "replies", type: "button", "data-key": `replies/${message.ts}`, onclick: () => openThread(message) },
    people, el("span", { class: "replies-count" }, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`),
    el("span", { class: "replies-last" }, `Last reply ${pretty(last, () => format(last, { day: "numeric", month: "short" }))} at ${clock(last)}`));
}

export function drawMessage(message, { me, compact, inThread, openThread }) {
  const person = names.people.get(message.user);
  const author = nameOf(person);
  const isReply = message.thread_ts && message.thread_ts !== message.ts;
  const where = place(me, message);
  const quiet = message.subtype === "channel_join" || message.subtype === "tombstone";
  const body = message.blocks?.length ? draw(message.blocks, where)
    : message.text ? el("div", { class: `text ${quiet ? "quiet" : ""}` }, mrkdwn(message.text)) : null;
  const edited = message.edited ? el("span", { class: "edited" }, " (edited)") : null;
  const tools = message.ephemeral || inThread ? null : el("div", { class: "tools" },
    el("button", { class: "tool", type: "button", "aria-label": "Reply in thread", title: "Reply in thread", "data-key": `thread/${message.ts}`,
      onclick: () => openThread(message) }, "💬"));
  const node = el("article", {
    class: ["message", compact && "compact", message.ephemeral && "ephemeral"].filter(Boolean).join(" "),
    "data-ts": message.ts, tabindex: "-1", "aria-label": `${author}, ${clock(seconds(message.ts))}${message.ephemeral ? ", only visible to you" : ""}`,
  },
  message.ephemeral ? el("p", { class: "only-you" }, el("span", { "aria-hidden": "true" }, "👁 "), "Only visible to you") : null,
  message.subtype === "thread_broadcast" && !inThread
    ? el("p", { class: "only-you" }, "replied to a ", el("button", { class: "as-link", type: "button", "data-key": `broadcast/${message.ts}`, onclick: () => openThread(message) }, "thread")) : null,
  isReply && message.ephemeral && !inThread ? el("p", { class: "only-you" }, "in a thread") : null,
  el("div", { class: "gutter" }, compact ? when(message.ts) : avatar(person)),
  el("div", { class: "content" },
    compact ? null : el("div", { class: "byline" }, el("strong", { class: "author" }, author),
      person?.is_bot || message.bot_id ? el("span", { class: "badge" }, "APP") : null,
      person?.role === "another workspace" ? el("span", { class: "badge stranger" }, "EXTERNAL") : null,
      when(message.ts)),
    el("div", { class: "body" }, body, edited, attachments(message, where), files(message)),
    reactions(message), inThread ? null : threadLine(message, openThread)),
  tools);
  return node;
}

export function dayDivider(ts) {
  const time = seconds(ts);
  const day = pretty(time, () => format(time, { weekday: "long", day: "numeric", month: "long" }));
  return el("div", { class: "day", role: "separator", "data-day": dayKey(time) }, el("span", {}, day[0].toUpperCase() + day.slice(1)));
}
