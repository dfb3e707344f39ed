// The page: who one is, where one looks, and what comes in.
import { byId, el, place, rememberFocus, tellNews } from "./dom.js";
import { redraw as redrawBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { avatar, dayDivider, drawMessage, nameOf, seconds } from "./messages.js";
import { showModals, viewPlace } from "./modals.js";
import { follow, get, post } from "./server.js";
import { dayKey, mrkdwn, names } from "./text.js";

const page = { me: null, channels: [], commands: [], app: {}, channel: null, thread: null, tab: "messages", messages: new Map(), stop: null };
const READ = "local-slack-read";

// ---- what is read --------------------------------------------------------------------------------

const readMarks = () => JSON.parse(localStorage.getItem(READ) || "{}");
const lastRead = (channel) => readMarks()[`${page.me.id}/${channel}`] || "0";
function markRead(channel, ts) {
  const marks = readMarks();
  const key = `${page.me.id}/${channel}`;
  if (ts > (marks[key] || "0")) localStorage.setItem(READ, JSON.stringify({ ...marks, [key]: ts }));
}

// ---- the side bar --------------------------------------------------------------------------------

function entry(channel) {
  const unread = channel.latest && channel.latest > lastRead(channel.id) && channel.id !== page.channel;
  const person = channel.is_im ? names.people.get(channel.user) : null;
  const sign = person ? avatar(person) : el("span", { class: "sign", "aria-hidden": "true" }, channel.is_private ? "🔒" : "#");
  const name = person ? person.real_name || person.name : channel.title;
  return el("a", { class: `entry ${unread ? "unread" : ""} ${channel.is_member || channel.is_im ? "" : "outside"}`, href: address(channel.id), "data-key": channel.id,
    "aria-current": channel.id === page.channel ? "page" : null, "aria-label": `${name}${unread ? ", unread" : ""}${channel.is_ext_shared ? ", shared with another workspace" : ""}` },
  sign, el("span", { class: "entry-name" }, name), channel.is_ext_shared ? el("span", { class: "shared", title: "Shared with another workspace" }, "◇") : null,
  unread ? el("span", { class: "dot", "aria-hidden": "true" }) : null);
}

const address = (channel, thread) => `#/${page.me.name}/${channel}${thread ? `/${thread}` : ""}`;

function drawSidebar() {
  const stay = rememberFocus();
  const app = page.channels.find((one) => one.is_im && one.user === page.app.user);
  const direct = page.channels.filter((one) => one.is_im && one !== app);
  const known = new Set(direct.map((one) => one.user));
  const others = [...names.people.values()].filter((one) => !known.has(one.id) && one.id !== page.me.id && !one.is_bot && !one.deleted && one.id !== "USLACKBOT" && page.me.role !== "another workspace");
  const group = (title, ...items) => el("section", {}, el("h2", {}, title), items);
  byId("sidebar").replaceChildren(
    group("Channels", page.channels.filter((one) => !one.is_im).map(entry)),
    group("Direct messages", direct.map(entry), others.map((one) => el("a", { class: "entry", href: address(`@${one.name}`), "data-key": one.name }, avatar(one), el("span", { class: "entry-name" }, one.real_name || one.name)))),
    page.app.user ? group("Apps", app ? entry(app) : el("a", { class: "entry", href: address(`@${page.app.bot}`), "data-key": page.app.bot }, avatar(names.people.get(page.app.user)), el("span", { class: "entry-name" }, page.app.name)),
      el("p", { class: `presence ${page.app.connected ? "on" : ""}` }, page.app.connected ? "connected" : "not connected")) : null);
  stay();
}

// ---- messages ------------------------------------------------------------------------------------

const current = () => page.channels.find((one) => one.id === page.channel);
const shownInChannel = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";
const shownInThread = (message) => message.ts === page.thread || message.thread_ts === page.thread;

// Who reads at the end stays at the end when a picture above it has come and takes its place.
for (const log of [byId("log"), byId("thread-log")]) {
  let atEnd = true;
  log.addEventListener("scroll", () => { atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60; });
  log.addEventListener("load", () => { if (atEnd) log.scrollTop = log.scrollHeight; }, true);
}

// Redraws a log, but keeps every node whose message did not change, the focus, and the scroll at the end.
function fill(log, list, inThread) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const stay = rememberFocus();
  const old = new Map([...log.querySelectorAll(":scope > .message")].map((node) => [node.dataset.ts, node]));
  const nodes = [];
  let previous = null;
  for (const message of list) {
    if (!previous || dayKey(seconds(previous.ts)) !== dayKey(seconds(message.ts))) { nodes.push(dayDivider(message.ts)); previous = null; }
    const compact = Boolean(previous && previous.user === message.user && seconds(message.ts) - seconds(previous.ts) < 300 &&
      !message.ephemeral && !previous.ephemeral && !message.subtype && !previous.subtype && !(inThread && previous.ts === page.thread));
    const print = `${JSON.stringify(message)}${compact}`;
    let node = old.get(message.ts);
    if (!node || node.print !== print) {
      node = drawMessage(message, { me: page.me, compact, inThread, openThread });
      node.print = print;
    }
    nodes.push(node);
    if (inThread && message.ts === page.thread) {
      const count = list.length - 1;
      nodes.push(el("p", { class: "thread-count" }, count === 1 ? "1 reply" : `${count} replies`));
    }
    previous = message;
  }
  if (!nodes.length) nodes.push(el("p", { class: "nothing" }, "Nothing here yet."));
  place(log, nodes);
  stay();
  if (atEnd || !log.dataset.filled) log.scrollTop = log.scrollHeight;
  log.dataset.filled = "yes";
}

function drawMessages() {
  const list = [...page.messages.values()].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  if (page.tab === "messages") fill(byId("log"), list.filter(shownInChannel), false);
  if (page.thread) fill(byId("thread-log"), list.filter(shownInThread), true);
  const newest = list.at(-1);
  if (newest && document.visibilityState === "visible") markRead(page.channel, newest.ts);
}

const openThread = (message) => {
  const parent = message.thread_ts || message.ts;
  if (page.thread === parent) byId("composer-thread")?.focus();
  else location.hash = address(page.channel, parent);
};

// ---- the channel ---------------------------------------------------------------------------------

function drawHead() {
  const channel = current();
  const person = channel.is_im ? names.people.get(channel.user) : null;
  byId("title").textContent = person ? person.real_name || person.name : `${channel.is_private ? "🔒" : "#"} ${channel.title}`;
  byId("topic").replaceChildren(...(channel.topic?.value ? mrkdwn(channel.topic.value) : []));
  const withApp = channel.is_im && channel.user === page.app.user;
  byId("tabs").hidden = !withApp || !page.app.home;
  if (byId("tabs").hidden) page.tab = "messages";
  const stay = rememberFocus();
  byId("tabs").replaceChildren(...["home", "messages"].map((name) => el("button", { role: "tab", type: "button", id: `tab-${name}`,
    "data-key": name, "aria-selected": String(page.tab === name), "aria-controls": name === "home" ? "home" : "log", tabindex: page.tab === name ? "0" : "-1",
    onclick: () => chooseTab(name), onkeydown: (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      chooseTab(name === "home" ? "messages" : "home");
      byId(`tab-${page.tab}`).focus();
    } }, name === "home" ? "Home" : "Messages")));
  stay();
  byId("home").hidden = page.tab !== "home";
  byId("log").hidden = page.tab === "home";
  byId("foot").hidden = page.tab === "home";
  document.title = `${byId("title").textContent} - ${page.team} - local Slack`;
}

async function chooseTab(name) {
  page.tab = name;
  drawHead();
  post("home", { as: page.me.id, tab: name }).catch(() => {});
  if (name === "home") await drawHome();
  else drawMessages();
}

async function drawHome() {
  const { home } = await get(`views?as=${page.me.id}`);
  const whose = `${page.me.id}/${home?.id}`;
  const stay = rememberFocus();
  if (page.homeOf !== whose) {
    byId("home").replaceChildren();
    Object.assign(page, { homeOf: whose, homePlace: home && viewPlace(page.me, home) });
  }
  if (home) redrawBlocks(byId("home"), home.blocks, page.homePlace);
  else byId("home").replaceChildren(el("p", { class: "nothing" }, "This app has not put anything here yet."));
  stay();
}

function drawFeet(moved, threadMoved) {
  const channel = current();
  const member = channel.is_member || channel.is_im;
  const send = (thread) => async (text) => { await post("type", { as: page.me.id, channel: page.channel, text, thread_ts: thread || undefined }); byId("log").scrollTop = byId("log").scrollHeight; };
  const label = channel.is_im ? `Message ${byId("title").textContent}` : `Message #${channel.title}`;
  const draft = (thread) => `${page.me.id}/${page.channel}/${thread}`;
  if (moved || member !== Boolean(byId("composer-main"))) byId("foot").replaceChildren(member ? composer({ id: "composer-main", label, commands: () => page.commands, send: send(null), draft: draft("") })
    : el("div", { class: "join" }, el("strong", {}, `You are looking at #${channel.title}`),
      el("button", { class: "button primary", type: "button", onclick: async () => { await post("join", { as: page.me.id, channel: page.channel }); await enter(); } }, "Join channel")));
  if (moved || threadMoved) byId("thread-foot").replaceChildren(...(page.thread && member
    ? [composer({ id: "composer-thread", label: "Reply…", commands: () => [], send: send(page.thread), draft: draft(page.thread) })] : []));
}

function drawThread() {
  byId("thread").hidden = !page.thread;
  document.body.classList.toggle("with-thread", Boolean(page.thread));
  const from = current().is_im ? byId("title").textContent : `#${current().title}`;
  byId("thread-place").textContent = current().is_im ? "" : from;
  byId("thread-back").replaceChildren(el("span", { "aria-hidden": "true" }, "‹ "), `Back to ${from}`);
  byId("thread-log").replaceChildren();
  delete byId("thread-log").dataset.filled;
}

// ---- coming and going ----------------------------------------------------------------------------

async function loadFrame(person) {
  const [frame, { people, groups }] = await Promise.all([get(`sidebar?as=${encodeURIComponent(person)}`), get("people")]);
  names.people = new Map(people.map((one) => [one.id, one]));
  names.groups = new Map(groups.map((one) => [one.id, one]));
  names.channels = new Map(frame.channels.map((one) => [one.id, one]));
  names.me = frame.me;
  const bot = people.find((one) => one.id === frame.app.user);
  Object.assign(page, { me: frame.me, channels: frame.channels, commands: frame.commands, app: { ...frame.app, bot: bot?.name }, team: frame.team.name });
  byId("team-name").textContent = frame.team.name;
  byId("person").replaceChildren(...people.filter((one) => !one.is_bot && one.id !== "USLACKBOT").map((one) => el("option", { value: one.name, disabled: one.deleted, selected: one.id === page.me.id }, `${one.name} (${one.role})`)));
  byId("person").value = page.me.name;
  return frame.last;
}

async function start(person) {
  page.stop?.();
  const last = await loadFrame(person);
  sessionStorage.setItem("local-slack-me", page.me.name);
  page.stop = follow(page.me.id, last, heard, () => { byId("offline").textContent = "Not connected. Trying again…"; }, async () => {
    if (!byId("offline").textContent) return;
    byId("offline").textContent = "";
    await loadFrame(page.me.name);
    await enter();
  });
}

const whereFocusIs = () => (document.activeElement === document.body ? null : document.activeElement.dataset.key || document.activeElement);

async function enter() {
  const cameFrom = whereFocusIs();
  const [, who, where, thread] = decodeURIComponent(location.hash).split("/");
  const person = who || sessionStorage.getItem("local-slack-me") || "ann";
  if (page.me?.name !== person) await start(person);
  let wanted = where || page.channels.find((one) => one.title === "releases" && one.is_member)?.id || page.channels.find((one) => one.is_member)?.id;
  if (wanted?.startsWith("@")) {
    await get(`messages?as=${page.me.id}&channel=${encodeURIComponent(wanted)}`);
    await loadFrame(page.me.name);
    wanted = page.channels.find((one) => one.is_im && names.people.get(one.user)?.name === wanted.slice(1))?.id;
  }
  if (!page.channels.some((one) => one.id === wanted)) wanted = page.channels.find((one) => one.is_member)?.id || page.channels[0]?.id;
  const moved = wanted !== page.channel || page.shownAs !== page.me.id;
  const threadMoved = (thread || null) !== page.thread;
  const left = threadMoved && !thread && !moved ? page.thread : null;
  Object.assign(page, { channel: wanted, thread: thread || null, shownAs: page.me.id });
  if (moved) {
    page.tab = current().is_im && current().user === page.app.user && page.app.home ? "home" : "messages";
    if (current().user === page.app.user && current().is_im) post("home", { as: page.me.id, tab: page.tab }).catch(() => {});
    byId("log").replaceChildren();
    delete byId("log").dataset.filled;
  }
  const { messages } = await get(`messages?as=${page.me.id}&channel=${page.channel}`);
  page.messages = new Map(messages.map((one) => [one.ts, strip(one)]));
  drawHead();
  if (moved || threadMoved) drawThread();
  drawFeet(moved, threadMoved);
  if (page.tab === "home") await drawHome();
  drawMessages();
  drawSidebar();
  await showModals(page.me);
  showMenu(false);
  focusOnArrival(cameFrom, moved, threadMoved, left);
  jump();
}

// Where one goes on after going somewhere. Who has gone on already, or goes through the people by keyboard, stays there;
// and where a keyboard would cover half of a small screen the field to type into does not open it.
function focusOnArrival(cameFrom, moved, threadMoved, left) {
  const now = whereFocusIs();
  if (document.querySelector("dialog[open]") || now === byId("person") || (now && now !== cameFrom)) return;
  const roomy = matchMedia("(min-width: 700px)").matches;
  if (page.thread && threadMoved) (roomy && byId("composer-thread") || byId("thread-title")).focus();
  else if (moved) (roomy && page.tab === "messages" && byId("composer-main") || byId("title")).focus();
  else if (left) {
    const parent = byId("log").querySelector(`:scope > .message[data-ts="${CSS.escape(left)}"]`);
    (parent?.querySelector(".replies") || parent || byId("log")).focus();
  }
}

const strip = ({ plain, buttons, user_name, channel_name, ...message }) => message;

// A permalink (/archives/C…/p…) opens its channel and thread and shows the message.
function jump() {
  const found = location.pathname.match(/^\/archives\/([A-Z0-9]+)(?:\/p(\d{10})(\d{6}))?/);
  if (!found) return;
  const thread = new URLSearchParams(location.search).get("thread_ts");
  history.replaceState(null, "", `/${address(found[1], thread)}`);
  const ts = `${found[2]}.${found[3]}`;
  enter().then(() => {
    const node = document.querySelector(`.message[data-ts="${CSS.escape(ts)}"]`);
    node?.scrollIntoView({ block: "center" });
    node?.classList.add("pointed-at");
  });
}

let queued = false;
function redraw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => { queued = false; drawMessages(); drawSidebar(); });
}

// What is new where one looks is read out once, in the words of its text; not what one wrote, nor what is only redrawn.
function readOut(message) {
  const inSight = page.tab === "messages" && (shownInChannel(message) || (page.thread && shownInThread(message)));
  if (!inSight || message.user === page.me.id || !message.text) return;
  tellNews(`${nameOf(names.people.get(message.user))}: ${el("div", {}, mrkdwn(message.text)).textContent}`);
}

async function heard(happening) {
  const { type, message, channel } = happening;
  if (message) {
    const known = page.channels.find((one) => one.id === channel);
    if (!known) { await loadFrame(page.me.name); drawSidebar(); }
    if (type === "message" && known) known.latest = message.ts;
    if (channel === page.channel) {
      if (type === "message_deleted") page.messages.delete(message.ts);
      else page.messages.set(message.ts, message);
      if (type === "message") readOut(message);
    }
    redraw();
  } else if (type === "views") {
    await showModals(page.me);
    if (page.tab === "home") await drawHome();
  } else if (type === "app_presence") {
    page.app.connected = happening.connected;
    drawSidebar();
  } else if (type === "people" || type === "channels") {
    await loadFrame(page.me.name);
    drawHead();
    drawSidebar();
  }
}

byId("person").addEventListener("change", (event) => {
  const to = event.target.value;
  location.hash = `#/${to}/${page.channel}`;
});
const closeThread = () => { location.hash = address(page.channel); };
byId("thread-close").addEventListener("click", closeThread);
byId("thread-back").addEventListener("click", closeThread);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  const places = [byId("home"), byId("log"), byId("thread-log")];
  places.find((one) => one.checkVisibility())?.focus();
});
function showMenu(open) {
  document.body.classList.toggle("with-menu", open);
  byId("menu").setAttribute("aria-expanded", String(open));
}
byId("menu").addEventListener("click", () => {
  showMenu(!document.body.classList.contains("with-menu"));
  byId("sidebar").querySelector("a")?.focus();
});
// The menu lies over the messages: it goes when somebody goes on elsewhere.
for (const elsewhere of ["focusin", "pointerdown"]) {
  document.addEventListener(elsewhere, (event) => {
    if (!event.target.closest("#sidebar, #menu")) showMenu(false);
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (document.body.classList.contains("with-menu")) { showMenu(false); byId("menu").focus(); }
  else if (page.thread && byId("thread").contains(document.activeElement)) closeThread();
});
document.addEventListener("visibilitychange", () => { if (page.me && page.channel) redraw(); });
window.addEventListener("hashchange", () => enter().catch(failed));

function failed(problem) {
  byId("log").hidden = false;
  byId("log").replaceChildren(el("p", { class: "nothing", role: "alert" }, problem.message));
}

enter().catch(failed);
