// The choices, the pictures and the table around the numbers.
"use strict";

const items = SHIPPED.numbers.map((item) => ({ ...item, data: Look.decoded(item.data) }));
const $ = (id) => document.getElementById(id);
const GREYS = ["#777", "#999", "#555", "#b0b0b0"];
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const KEYS = ["experiment", "axis", "statistic", "view", "scale"];
// What is chosen; the address keeps it, so that a link opens the same picture.
const state = { scale: "automatic", at: {}, cursor: [0, 0] };
const hidden = new Set(); // labels of models that are not drawn

const words = (name) => name.replaceAll("_", " ");
const unique = (values) => [...new Set(values)];
const fits = (item, keys) => keys.every((key) => item[key] === state[key]);
const shown = (value) =>
  Number.isFinite(value) ? (value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(2)
    : value.toPrecision(3)) : value === Infinity ? "diverged" : "–";
const color = (item, index) => item.models[index].color || GREYS[index % GREYS.length];

const seeds = ({ seeds: { length } }) => `${length} seed${length === 1 ? "" : "s"}`;

// A logarithmic scale unless it would hide a number.
function isLog() {
  if (state.scale !== "automatic") return state.scale === "logarithmic";
  return current().data.every((value) => !(value <= 0));
}

function current() {
  return items.find((item) => fits(item, ["experiment", "axis", "statistic"]));
}

function called(item, view) {
  const names = view.map((dim) => words(item.dims[dim].name));
  if (view.length === 2) return `map of ${names.join(" and ")}`;
  return view.length ? `curve along ${names[0]}` : "means, as a table";
}

// Which value of a dim is looked at, -1 for the mean over all.
function placeOf(dim) {
  const first = Look.isNamed(dim) ? 0 : -1;
  return Math.max(first, Math.min(state.at[dim.name] ?? first, dim.values.length - 1));
}

function choice(label, options, value, chosen) {
  const select = document.createElement("select");
  options.forEach(([key, text]) => select.add(new Option(text, key, false, key === value)));
  select.addEventListener("change", () => { chosen(select.value); update(select.dataset.name); });
  select.dataset.name = label;
  const wrapped = document.createElement("label");
  wrapped.append(`${label} `, select);
  $("controls").append(wrapped);
}

// Keep each choice that the ones before it still allow, otherwise take the first.
function settle() {
  for (const [index, key] of ["experiment", "axis", "statistic"].entries()) {
    const before = ["experiment", "axis"].slice(0, index);
    const found = unique(items.filter((item) => fits(item, before)).map((item) => item[key]));
    const clipped = found.find((name) => name.startsWith("clamped"));
    if (!found.includes(state[key])) state[key] = clipped || found[0];
    state[`${key}s`] = found;
  }
  const item = current();
  const views = Look.views(item);
  if (!views.some((view) => called(item, view) === state.view))
    state.view = called(item, views.find((view) => view.length === 2)
      || views.find(([dim]) => /^(velocity|speed)/.test(item.dims[dim]?.name)) || views[0]);
  return [item, views, views.find((view) => called(item, view) === state.view)];
}

function controls(item, views, view) {
  $("controls").replaceChildren();
  const titles = Object.fromEntries(items.map((each) => [each.experiment, each.title]));
  const plain = (names) => names.map((name) => [name, words(name)]);
  choice("Experiment", state.experiments.map((name) => [name, titles[name]]), state.experiment,
    (value) => { state.experiment = value; });
  choice("Axis", plain(state.axiss), state.axis, (value) => { state.axis = value; });
  choice("Statistic", plain(state.statistics), state.statistic,
    (value) => { state.statistic = value; });
  choice("Picture", views.map((each) => [called(item, each), called(item, each)]), state.view,
    (value) => { state.view = value; });
  item.dims.forEach((dim, index) => {
    if (view.includes(index)) return;
    const values = dim.values.map((value, place) => [String(place), String(value)]);
    const mean = Look.isNamed(dim) ? [] : [["-1", "mean"]];
    choice(words(dim.name), [...mean, ...values], String(placeOf(dim)),
      (value) => { state.at[dim.name] = Number(value); });
  });
  choice("Scale", plain(["automatic", "logarithmic", "linear"]), state.scale,
    (value) => { state.scale = value; });
}

function legend(item) {
  const title = $("models").firstElementChild;
  $("models").replaceChildren(title);
  item.models.forEach((model, index) => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    box.checked = !hidden.has(model.label);
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(model.label); else hidden.add(model.label);
      draw();
    });
    const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
    swatch.style.background = color(item, index);
    const label = document.createElement("label");
    label.append(box, swatch, model.label);
    $("models").append(label);
  });
}

function canvas(label, height) {
  const made = Object.assign(document.createElement("canvas"), { tabIndex: 0 });
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  made.style.height = height;
  return made;
}

function prepared(made) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [made.clientWidth, made.clientHeight];
  Object.assign(made, { width: width * ratio, height: height * ratio });
  const pen = made.getContext("2d");
  pen.scale(ratio, ratio);
  return [pen, width, height];
}

// From the smallest to the largest of some numbers, on the chosen scale, to 0 … 1.
function scale(numbers) {
  const usable = numbers.filter((v) => Number.isFinite(v) && (!isLog() || v > 0));
  const warp = isLog() ? Math.log10 : (v) => v;
  let [low, high] = [Math.min(...usable), Math.max(...usable)];
  if (!usable.length) [low, high] = [1, 10];
  if (low === high) [low, high] = isLog() ? [low / 2, high * 2] : [low - 1, high + 1];
  const map = (v) => (warp(v) - warp(low)) / (warp(high) - warp(low));
  return { low, high, map };
}

function ticks({ low, high }) {
  if (!isLog()) return [0, 1, 2, 3, 4].map((part) => low + (part / 4) * (high - low));
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1)
    for (const factor of [1, 2, 5]) found.push(factor * 10 ** power);
  const within = found.filter((v) => v >= low * 0.999 && v <= high * 1.001);
  const decades = within.filter((v) => Number.isInteger(Math.round(Math.log10(v) * 1e6) / 1e6));
  return decades.length > 2 ? decades : within.length > 1 ? within : [low, high];
}

// What a picture of curves is drawn with: pen, borders, and places of x and y.
function plot(made, axis, y) {
  const [pen, width, height] = prepared(made);
  const [left, right, top, bottom] = [58, width - 8, 10, height - 34];
  const first = axis.values[0], last = axis.values[axis.values.length - 1];
  const part = (x) => (last === first ? 0.5 : (x - first) / (last - first));
  const px = (x) => left + part(x) * (right - left);
  const py = (v) => bottom - Math.max(-0.1, Math.min(1.1, y.map(v))) * (bottom - top);
  const nearest = (at) => {
    const far = axis.values.map((value) => Math.abs(px(value) - at));
    return far.indexOf(Math.min(...far));
  };
  return { pen, left, right, top, bottom, px, py, nearest };
}

function grid({ pen, left, right, bottom, px, py }, axis, y) {
  const style = getComputedStyle(document.body);
  Object.assign(pen, { font: "12px system-ui, sans-serif", fillStyle: style.color, lineWidth: 1,
    strokeStyle: style.getPropertyValue("--line"), textAlign: "right" });
  for (const value of ticks(y)) {
    pen.strokeRect(left, py(value), right - left, 0);
    pen.fillText(shown(value), left - 4, py(value) + 4);
  }
  pen.textAlign = "center";
  const every = Math.ceil(axis.values.length / Math.max(2, Math.floor((right - left) / 50)));
  axis.values.forEach((value, x) => {
    if (x % every === 0) pen.fillText(String(+value.toPrecision(4)), px(value), bottom + 14);
  });
  const units = axis.units && axis.units !== axis.name ? `, ${axis.units}` : "";
  pen.fillText(words(axis.name) + units, (left + right) / 2, bottom + 29);
}

function rule({ pen, top, bottom, px }, x, dash) {
  pen.save();
  pen.setLineDash(dash);
  const strokeStyle = getComputedStyle(document.body).color;
  Object.assign(pen, { strokeStyle, globalAlpha: 0.6, lineWidth: 1 });
  pen.beginPath(); pen.moveTo(px(x), top); pen.lineTo(px(x), bottom); pen.stroke();
  pen.restore();
}

function line({ pen, px, py }, axis, stats, tint) {
  pen.strokeStyle = pen.fillStyle = tint;
  const usable = [...axis.values.keys()].filter((x) =>
    Number.isFinite(stats[x].mean) && (!isLog() || stats[x].mean > 0));
  const path = (xs, key) => xs.forEach((x) => pen.lineTo(px(axis.values[x]), py(stats[x][key])));
  pen.globalAlpha = 0.18;
  pen.beginPath(); path(usable, "low"); path([...usable].reverse(), "high"); pen.fill();
  Object.assign(pen, { globalAlpha: 1, lineWidth: 2 });
  pen.beginPath(); path(usable, "mean"); pen.stroke();
  if (usable.length === 1)
    pen.fillRect(px(axis.values[usable[0]]) - 3, py(stats[usable[0]].mean) - 3, 6, 6);
}

function curves(item, dim, table, chosen) {
  const axis = item.dims[dim];
  const made = canvas(`Curves along ${words(axis.name)}`, "min(24rem, 75vw)");
  $("picture").replaceChildren(made);
  const stats = chosen.map((m) => axis.values.map((_, x) => Look.spread(table[m], x)));
  const y = scale(stats.flat().flatMap((s) => [s.mean, s.low, s.high]));
  const drawn = plot(made, axis, y);
  grid(drawn, axis, y);
  const last = axis.values[axis.values.length - 1];
  const longer = axis.name === "frame" && item.horizon && item.horizon < last;
  if (longer) rule(drawn, item.horizon, [6, 4]);
  chosen.forEach((m, index) => line(drawn, axis, stats[index], color(item, m)));
  const at = Math.min(state.cursor[0], axis.values.length - 1);
  rule(drawn, axis.values[at], []);
  moves(made, [1, axis.values.length], (event) => [drawn.nearest(event.offsetX), 0]);
  $("explained").textContent = `${item.meaning}. Lines: mean over seeds; bands: from the lowest `
    + `to the highest of ${seeds(item)}${longer ? "; dashed: the trained horizon" : ""}. `
    + `Table: at ${words(axis.name)} ${axis.values[at]}.`;
  return at;
}

function paint(value) {
  if (!Number.isFinite(value)) return "#888";
  const place = Math.max(0, Math.min(1, value)) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  const mixed = STOPS[below].map((low, i) => low + (place - below) * (STOPS[below + 1][i] - low));
  return `rgb(${mixed.map(Math.round).join()})`;
}

// Frames around the velocities in training and those of V.
function outlines(pen, item, model, [ys, xs], [w, h]) {
  const outline = (inside, dash) => {
    const [rs, cs] = [ys, xs].map((side, part) => side.flatMap((v, i) => (inside(v, part) ? [i] : [])));
    if (!cs.length || !rs.length) return;
    pen.setLineDash(dash);
    pen.strokeRect(cs[0] * w + 1, rs[0] * h + 1, cs.length * w - 2, rs.length * h - 2);
  };
  Object.assign(pen, { strokeStyle: "#fff", lineWidth: 2 });
  if (item.trained !== null) outline((v) => Math.abs(v) <= item.trained, []);
  outline((v, part) => model.velocities.some((nu) => nu[part] === v), [5, 4]);
  pen.setLineDash([]);
}

function map(item, m, sides, colors, at, marked) {
  const [ys, xs] = sides;
  const made = canvas(`Map of ${item.models[m].label}`, "auto");
  made.style.aspectRatio = `${xs.length} / ${ys.length}`;
  const figure = document.createElement("figure");
  figure.append(made, Object.assign(document.createElement("figcaption"),
    { textContent: item.models[m].label }));
  $("picture").firstElementChild.append(figure);
  const [pen, width, height] = prepared(made);
  const [w, h] = [width / xs.length, height / ys.length];
  colors.forEach((tint, cell) => {
    pen.fillStyle = tint;
    pen.fillRect((cell % xs.length) * w, Math.floor(cell / xs.length) * h, w + 0.5, h + 0.5);
  });
  if (marked) outlines(pen, item, item.models[m], sides, [w, h]);
  Object.assign(pen, { strokeStyle: "#e00", lineWidth: 2 });
  pen.strokeRect(at[0] * w + 2, at[1] * h + 2, w - 4, h - 4);
  moves(made, [ys.length, xs.length], (event) =>
    [Math.floor(event.offsetX / w), Math.floor(event.offsetY / h)]);
}

function maps(item, [rows, columns], table, chosen) {
  const sides = [item.dims[rows].values, item.dims[columns].values];
  const [ys, xs] = sides;
  const means = chosen.map((m) => table[m][0].map((_, cell) => Look.spread(table[m], cell).mean));
  const tone = scale(means.flat());
  $("picture").replaceChildren(Object.assign(document.createElement("div"), { className: "maps" }));
  const at = [Math.min(state.cursor[0], xs.length - 1), Math.min(state.cursor[1], ys.length - 1)];
  const marked = item.dims[rows].name === "velocity_rows";
  chosen.forEach((m, index) =>
    map(item, m, sides, means[index].map((mean) => paint(tone.map(mean))), at, marked));
  scaleBar(tone);
  $("explained").textContent = `${item.meaning}, mean over ${seeds(item)}; rows down: `
    + `${words(item.dims[rows].name)}, columns: ${words(item.dims[columns].name)}.`
    + `${marked ? " White frame: velocities in training; dashed: V." : ""}`
    + ` Table: at (${ys[at[1]]}, ${xs[at[0]]}).`;
  return at[1] * xs.length + at[0];
}

function scaleBar(tone) {
  const bar = canvas("Colour scale", "1rem");
  bar.tabIndex = -1;
  const ends = Object.assign(document.createElement("div"), { className: "ends dim" });
  const [low, high] = [tone.low, tone.high].map((value) =>
    Object.assign(document.createElement("span"), { textContent: shown(value) }));
  ends.append(low, high);
  $("picture").append(bar, ends);
  const [pen, width, height] = prepared(bar);
  for (let x = 0; x < width; x += 1) {
    pen.fillStyle = paint(x / width);
    pen.fillRect(x, 0, 1, height);
  }
}

// Arrow keys and the pointer move the place that the table shows.
function moves(made, [rows, columns], place) {
  made.dataset.picture = [...$("picture").querySelectorAll("canvas")].indexOf(made);
  const go = ([x, y]) => {
    state.cursor = [Math.max(0, Math.min(columns - 1, x)), Math.max(0, Math.min(rows - 1, y))];
    const index = made.dataset.picture;
    draw();
    $("picture").querySelectorAll("canvas")[index]?.focus({ preventScroll: true });
  };
  made.addEventListener("click", (event) => go(place(event)));
  made.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    go([Math.min(state.cursor[0], columns - 1) + step[0], Math.min(state.cursor[1], rows - 1) + step[1]]);
  });
}

function draw() {
  const [item, , view] = settle();
  const at = item.dims.map((dim, index) => (view.includes(index) ? -1 : placeOf(dim)));
  const table = Look.reduced(item, view, at);
  const chosen = item.models.flatMap((model, index) => (hidden.has(model.label) ? [] : [index]));
  let place = 0;
  if (view.length === 2) place = maps(item, view, table, chosen);
  else if (view.length === 1) place = curves(item, view[0], table, chosen);
  else { $("picture").replaceChildren(); $("explained").textContent = `${item.meaning}.`; }
  $("values").replaceChildren(...chosen.map((m) => {
    const { mean, low, high } = Look.spread(table[m], place);
    const row = document.createElement("tr");
    for (const text of [item.models[m].label, shown(mean), shown(low), shown(high)])
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    return row;
  }));
}

function update(focused) {
  const [item, views, view] = settle();
  const chosen = new URLSearchParams(KEYS.map((key) => [key, state[key]]));
  // Inside a report the page has no address.
  if (/^(file|https?):$/.test(location.protocol)) history.replaceState(null, "", `#${chosen}`);
  controls(item, views, view);
  legend(item);
  draw();
  document.querySelector(`select[data-name="${focused}"]`)?.focus();
}

$("about").textContent = SHIPPED.about;
const first = items.find(({ dims }) => dims.some(({ name }) => name === "velocity_rows"));
const kept = new URLSearchParams(location.hash.slice(1));
const { experiment, axis } = first || items[0] || {};
Object.assign(state, { experiment, axis }, Object.fromEntries(kept));
if (items.length) update();
else $("explained").textContent = "These cubes have no numbers of models.";
window.addEventListener("resize", () => items.length && draw());
