// The page to search in. Whatever comes from the gallery becomes text, never HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const GAP = 600; // seconds after which somebody who is seen by a camera again has been away
const RERANKED = 100; // entries that are re-ranked
let about = null; // what /api/info says
let picture = null; // the file that is searched
let found = null; // the answer to the last search
let person = null; // who is seen in the picture, once that is confirmed
let rejected = new Set(); // ids of entries that show somebody else than the picture
let changes = []; // ids of changes of the gallery, which can be undone, and what they were
let latest = 0; // number of the last search
let waiting = 0;

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    throw new Error("The service does not answer. Is it still running?");
  }
  if (answer.status === 401) location.assign("/login");
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `The service answers with ${answer.status}.`);
  return content;
}

const post = (path, content) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });

function show(id, text) {
  $(id).textContent = text || "";
  $(id).hidden = !text;
}

const fail = (error) => show("error", error.message);
const whole = new Intl.NumberFormat();
const entries = (count) => (count === 1 ? "1 entry" : `${whole.format(count)} entries`);
const named = (identity) => identity ?? "unknown";
const camera = (name) => (name === null ? "unknown camera" : `camera ${name}`);
const near = (distance) => distance.toFixed(3);
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function time(seconds) {
  if (seconds === null) return "time unknown";
  const date = new Date(seconds * 1000);
  return make("time", { dateTime: date.toISOString(), textContent: format.format(date) });
}

function thumbnail(entry) {
  const alt = `${named(entry.identity)}, ${camera(entry.camera)}`;
  return make("img", { alt, loading: "lazy", width: 96, height: 192, src: entry.thumbnail });
}

function means(limit) {
  const percent = `${+(limit.rate * 100).toPrecision(3)} %`;
  if (limit.kind === "open_set") return `names ${percent} of strangers`;
  if (limit.kind === "pairs") return `takes ${percent} of pairs of two people for one`;
  return "as given";
}

// --- what is asked ---------------------------------------------------------------------------------------------------

async function learn() {
  about = await ask("/api/info");
  const people = about.identities === 1 ? "1 identity" : `${whole.format(about.identities)} identities`;
  $("about").textContent += `: ${entries(about.entries)}, ${people}, ${whole.format(about.unknown)} unknown`;
  if (about.cameras.length) {
    $("cameras").replaceChildren(
      ...about.cameras.map((each) =>
        make("label", {}, make("input", { type: "checkbox", name: "camera", value: each.camera ?? "" }),
          `${named(each.camera)} (${whole.format(each.entries)})`)));
  }
  const options = about.thresholds.map((each) => [String(each.distance), `${near(each.distance)}: ${means(each)}`]);
  const usual = about.threshold ? String(about.threshold.distance) : "";
  if (!about.threshold) options.unshift(["", "not known"]);
  else if (about.threshold.kind === "given") options.unshift([usual, `${near(about.threshold.distance)}: as given`]);
  $("limit").replaceChildren(...options.map(([value, text]) => make("option", { value, textContent: text })),
    make("option", { value: "own", textContent: "another distance" }));
  $("limit").value = usual;
}

function question() {
  const query = new URLSearchParams({ k: $("k").value });
  for (const box of document.querySelectorAll("[name=camera]:checked")) query.append("cameras", box.value);
  for (const id of ["after", "before"]) {
    if ($(id).value) query.set(id, String(new Date($(id).value).getTime() / 1000));
  }
  const limit = $("limit").value === "own" ? $("distance").value : $("limit").value;
  if (limit) query.set("threshold", limit);
  if ($("rerank").checked) query.set("rerank", String(Math.max(RERANKED, +$("k").value)));
  return query;
}

function choose(file) {
  if (!file) return;
  if (picture) URL.revokeObjectURL($("preview").src);
  picture = file;
  person = null;
  rejected = new Set();
  $("preview").src = URL.createObjectURL(file);
  $("preview").hidden = false;
  search();
}

async function search() {
  clearTimeout(waiting);
  show("error", "");
  if (!picture) {
    show("error", "Choose a picture first.");
    $("file").focus();
    return;
  }
  const number = ++latest;
  $("answer").setAttribute("aria-busy", "true");
  try {
    if (about && picture.size > about.upload_bytes) {
      throw new Error(`The picture has ${(picture.size / 2 ** 20).toFixed(1)} MiB; at most ${about.upload_bytes / 2 ** 20} can be sent.`);
    }
    const answer = await ask(`/api/search?${question()}`, { method: "POST", body: picture });
    if (number !== latest) return;
    found = answer;
    draw();
  } catch (error) {
    if (number !== latest) return;
    found = null;
    $("found").hidden = true;
    $("answer").replaceChildren();
    fail(error);
  }
  $("answer").setAttribute("aria-busy", "false");
}

// --- what is found ---------------------------------------------------------------------------------------------------

function draw() {
  const { key, id } = document.activeElement?.dataset ?? {};
  $("answer").replaceChildren(...verdict());
  const hits = found.entries, limit = found.threshold;
  const furthest = Math.max(...hits.map((hit) => hit.distance), limit ? limit.distance * 1.2 : 0, 1e-6);
  const cards = hits.map((hit, place) => card(hit, place + 1, furthest));
  const sorted = hits.every((hit, place) => !place || hits[place - 1].distance <= hit.distance);
  if (limit && sorted && hits.length) {
    const place = hits.findIndex((hit) => !hit.same);
    const text = `threshold ${near(limit.distance)}: ${place ? "from here on" : "all of them"} somebody else`;
    if (place >= 0) cards.splice(place, 0, make("li", { className: "limit" }, make("span", { textContent: text })));
  }
  $("hits").replaceChildren(...cards);
  $("found").hidden = !hits.length;
  // The button that was pressed may be gone; then another one of the same entry.
  const buttons = [...document.querySelectorAll("[data-key]")].filter((each) => each.dataset.id === id);
  (buttons.find((each) => each.dataset.key === key) ?? buttons.at(-1))?.focus();
}

function verdict() {
  const line = (className, text) => make("p", { className, textContent: text });
  const hits = found.entries, limit = found.threshold;
  if (!hits.length) return [line("verdict", "Nobody to compare with"), line("note", "The gallery is empty, or the filters leave nobody.")];
  const nearest = hits.reduce((best, hit) => (hit.distance < best.distance ? hit : best));
  const where = `at a distance of ${near(nearest.distance)}`;
  const confirmed = person === null ? [] : [line("said", `You have said that it is ${person}.`)];
  if (!limit) {
    const missing = "No threshold says whether that is near enough: iaunet evaluate measures them, or choose a distance.";
    return [line("verdict", `The nearest is ${named(nearest.identity)}, ${where}`), line("note", missing), ...confirmed];
  }
  const within = `within the threshold of ${near(limit.distance)}` + (limit.rate === null ? "" : `, which ${means(limit)}`);
  if (found.unknown) {
    return [line("verdict", "Unknown"), line("", `Nobody is ${within}. The nearest is ${named(nearest.identity)}, ${where}.`), ...confirmed];
  }
  const same = hits.filter((hit) => hit.same), known = same.filter((hit) => hit.identity !== null);
  const best = known.length ? known.reduce((best, hit) => (hit.distance < best.distance ? hit : best)) : nearest;
  const who = known.length ? `Probably ${best.identity}` : "Somebody without a name";
  const names = [...new Set(known.map((hit) => hit.identity))];
  const others = names.length > 1 ? ` They are of ${whole.format(names.length)} identities.` : "";
  const text = `At a distance of ${near(best.distance)}; ${entries(same.length)} of ${hits.length} ${same.length === 1 ? "is" : "are"} ${within}.${others}`;
  return [line("verdict", who), line("", text), ...confirmed];
}

function card(hit, rank, furthest) {
  const no = rejected.has(hit.id), kind = hit.same === null ? "" : hit.same ? "same" : "other";
  const bar = make("div", { className: "bar", ariaHidden: "true" }, make("i"));
  bar.firstChild.style.width = `${(100 * hit.distance) / furthest}%`;
  if (found.threshold) {
    bar.append(make("b"));
    bar.lastChild.style.left = `${(100 * found.threshold.distance) / furthest}%`;
  }
  const words = { same: "near enough", other: "too far" }[kind];
  const distance = make("p", {}, `distance ${near(hit.distance)}`, words ? ", " : "", make("span", { className: "said", textContent: words ?? "" }));
  const sure = person !== null && hit.identity === person;
  const about = `${named(hit.identity)}, number ${rank}`;
  const button = (text, does, more) => {
    const made = make("button", { type: "button", textContent: text, ariaLabel: `${text}: ${about}`, ...more });
    Object.assign(made.dataset, { key: text, id: hit.id });
    made.addEventListener("click", () => does(hit).catch(fail));
    return made;
  };
  const who = hit.identity === null ? make("p", { className: "who", textContent: "unknown" })
    : make("p", { className: "who" }, button(hit.identity, () => path(hit.identity), { className: "link", ariaLabel: `${hit.identity}: path across cameras` }));
  const facts = make("div", { className: "facts" }, who, make("p", { textContent: camera(hit.camera) }), make("p", {}, time(hit.time)),
    distance, bar, make("p", { className: "file", textContent: hit.file ?? hit.id }));
  const buttons = make("div", { className: "row" },
    sure ? make("span", { className: "said", textContent: "this person" }) : button("Confirm", confirm),
    no && !sure ? make("span", { className: "said", textContent: "rejected" }) : button("Reject", reject));
  return make("li", { className: `hit ${kind}${no ? " rejected" : ""}` }, thumbnail(hit), make("div", { className: "body" }, facts, buttons));
}

// --- who is who ------------------------------------------------------------------------------------------------------

// Asks before something is changed; the name that was typed, or true where none is asked for; null for no.
function sure(title, text, yes, what) {
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-label").hidden = !what;
  $("ask-what").textContent = what?.text ?? "";
  $("ask-name").value = "";
  $("ask-name").required = Boolean(what?.required);
  $("ask").returnValue = "no";
  $("ask").showModal();
  return new Promise((resolve) => {
    $("ask").addEventListener("close", () => resolve($("ask").returnValue === "yes" ? (what ? $("ask-name").value.trim() : true) : null), { once: true });
  });
}

async function confirm(hit) {
  show("error", "");
  rejected.delete(hit.id);
  if (person === null && hit.identity === null) {
    const name = await sure("Who is it?", "This entry has no name yet.", "Save", { text: "Name", required: true });
    if (!name) return;
    await change("/api/assign", { ids: [hit.id], identity: name }, (count) => `${entries(count)} now of ${name}.`);
    person = name;
  } else if (person === null) {
    person = hit.identity;
    draw();
    return;
  } else if (hit.identity === null) {
    await change("/api/assign", { ids: [hit.id], identity: person }, (count) => `${entries(count)} now of ${person}.`);
  } else if (hit.identity !== person) {
    const other = hit.identity;
    const yes = await sure(`Are ${other} and ${person} one person?`, `All entries of ${other} become entries of ${person}. You can undo it.`, "Merge");
    if (!yes) return;
    await change("/api/merge", { identities: [other], into: person }, (count) => `${other} is ${person}: ${entries(count)} changed.`);
  }
  await search();
}

async function reject(hit) {
  show("error", "");
  if (person !== null && hit.identity === person) {
    const name = await sure(`Not ${person}?`, `This entry is taken away from ${person}. You can undo it.`, "Take away", { text: "Who it is instead; nothing for unknown" });
    if (name === null) return;
    await change("/api/assign", { ids: [hit.id], identity: name || null }, () => `The entry is now ${name ? `of ${name}` : "unknown"}.`);
    rejected.add(hit.id);
    await search();
    return;
  }
  rejected.add(hit.id);
  draw();
}

async function change(path, content, says) {
  const done = await post(path, content);
  if (done.changed) changes.push({ id: done.change, text: says(done.changed), person });
  note(says(done.changed));
}

function note(text) {
  const last = changes.at(-1);
  const undo = last && make("button", { type: "button", textContent: "Undo", ariaLabel: `Undo: ${last.text}` });
  undo?.addEventListener("click", () => takeBack().catch(fail));
  $("note").replaceChildren(make("span", { textContent: text }), ...(undo ? [undo] : []));
  $("note").hidden = false;
}

async function takeBack() {
  const last = changes.pop();
  if (!last) return;
  const done = await post("/api/undo", { change: last.id });
  person = last.person;
  note(`Undone, ${entries(done.changed)}: ${last.text}` + (done.kept ? ` ${entries(done.kept)} were changed again since, and stay.` : ""));
  if (picture) await search();
  if (!$("path").hidden) await path($("path").dataset.identity);
}

// --- a path across cameras -------------------------------------------------------------------------------------------

async function path(identity) {
  show("error", "");
  const answer = await ask(`/api/identity?${new URLSearchParams({ name: identity })}`);
  const timed = answer.entries.filter((entry) => entry.time !== null);
  const stays = [];
  for (const entry of timed) {
    const last = stays.at(-1);
    if (last && last.camera === entry.camera && entry.time - last.until <= GAP) {
      last.until = entry.time;
      last.count += 1;
    } else {
      stays.push({ camera: entry.camera, from: entry.time, until: entry.time, count: 1, first: entry });
    }
  }
  const cameras = [...new Set(stays.map((stay) => stay.camera))];
  $("path").dataset.identity = identity;
  $("path-title").textContent = `Path of ${identity}`;
  const left = answer.count - answer.entries.length, untimed = answer.entries.length - timed.length;
  $("path-text").textContent = `${entries(answer.count)}, ${cameras.length === 1 ? "1 camera" : `${cameras.length} cameras`}`
    + (untimed ? `, ${entries(untimed)} without a time` : "") + (left ? `; the first ${answer.entries.length} are shown` : "");
  drawLanes(stays, cameras);
  $("stays").replaceChildren(...stays.map((stay) => {
    const until = stay.until > stay.from ? [" to ", time(stay.until)] : [];
    return make("li", { className: "stay" }, thumbnail(stay.first),
      make("div", {}, make("p", { className: "said", textContent: camera(stay.camera) }), make("p", {}, time(stay.from), ...until), make("p", { textContent: entries(stay.count) })));
  }));
  $("stays").hidden = !stays.length;
  $("path").hidden = false;
  $("path-title").focus();
}

// The same as the list of stays, as a picture: a line for each camera, from the first to the last time.
function drawLanes(stays, cameras) {
  $("lanes").replaceChildren();
  if (!stays.length) return;
  const first = stays[0].from, last = Math.max(...stays.map((stay) => stay.until)), span = last - first;
  const place = (at) => (span ? (100 * (at - first)) / span : 50);
  for (const name of cameras) {
    const track = make("div", { className: "track" });
    for (const stay of stays.filter((each) => each.camera === name)) {
      const bar = make("i");
      bar.style.left = `${place(stay.from)}%`;
      bar.style.width = `${place(stay.until) - place(stay.from)}%`;
      track.append(bar);
    }
    $("lanes").append(make("div", { className: "lane" }, make("span", { textContent: camera(name) }), track));
  }
  $("lanes").append(make("div", { className: "lane" }, make("span"), make("div", { className: "axis" }, time(first), ...(span ? [time(last)] : []))));
}

// --- beginning -------------------------------------------------------------------------------------------------------

$("question").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("file").addEventListener("change", () => choose($("file").files[0]));
$("preview").addEventListener("error", () => { $("preview").hidden = true; });
$("filters").addEventListener("change", () => {
  $("own").hidden = $("limit").value !== "own";
  clearTimeout(waiting);
  if (picture) waiting = setTimeout(search, 300);
});
$("whose").addEventListener("submit", (event) => {
  event.preventDefault();
  path($("identity").value).catch((error) => { $("path").hidden = true; fail(error); });
});
$("path-close").addEventListener("click", () => { $("path").hidden = true; $("identity").focus(); });
document.addEventListener("paste", (event) => choose([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.remove("over"); });
}
document.addEventListener("drop", (event) => choose(event.dataTransfer.files[0]));
$("zone").textContent = `in the time zone of this browser, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
$("filters").open = matchMedia("(min-width: 60rem)").matches;
learn().catch(fail);
