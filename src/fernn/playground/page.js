// The page around the network: a world of moving digits, the views, and the controls.
"use strict";

const LONGEST = 100; // predicted frames of a forecast
const MOST = 3; // pixels per frame that a digit can be given
const PACE = 110; // milliseconds a frame
const LOWEST = -4, HIGHEST = 0; // powers of ten of the chart
const at = (id) => document.getElementById(id);

const models = SHIPPED.models.map((about) => new Fernn.Model({
  ...about,
  weights: Object.fromEntries(
    Object.entries(about.weights).map(([name, text]) => [name, Fernn.decoded(text)])),
}));
const digits = SHIPPED.digits.map(Fernn.decoded);
const size = models[0].size, side = Math.round(Math.sqrt(digits[0].length));

const world = { objects: [], chosen: 0 };
let model, forecast, frames, time, curve, earlier = [], paused = false, began = null;

function placed(image, row, column) {
  const frame = new Float32Array(size * size);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      frame[((y + row) % size) * size + ((x + column) % size)] = image[y * side + x];
    }
  }
  return frame;
}

function anyOf(list) { return list[Math.floor(Math.random() * list.length)]; }

function freshObject(number) {
  const spot = () => Math.floor(Math.random() * size), most = model.speed || 1;
  const speed = () => anyOf(Fernn.square(most).flat());
  return { image: placed(anyOf(digits), spot(), spot()), velocity: number ? [speed(), speed()] : [1, 2] };
}

function frameAt(t) {
  const frame = new Float32Array(size * size);
  for (const { image, velocity: [rows, columns] } of world.objects) {
    Fernn.moved(image, 1, size, t * rows, t * columns).forEach((value, n) => {
      frame[n] = Math.min(1, frame[n] + value);
    });
  }
  return frame;
}

function restart() {
  if (curve && curve.length > 4) earlier = [curve, ...earlier].slice(0, 4);
  model = models[at("model").selectedIndex];
  [forecast, frames, time, curve] = [null, [], 0, []];
  const written = world.objects.map(({ velocity: [r, c] }) => `(${r}, ${c})`);
  at("velocities").textContent = `${written.join(" and ")} pixels per frame, rows and columns`;
  at("second").textContent = world.objects.length > 1 ? "One digit" : "Two digits";
}

// One frame of the world, and of the network: observed, or predicted.
function advance() {
  const truth = frameAt(time), observed = Number(at("observed").value);
  let shown = truth, state;
  const started = performance.now();
  if (time < observed) {
    frames.push(truth);
    state = model.encode(frames);
  } else {
    if (!forecast) begin();
    shown = forecast.next();
    state = forecast.state;
    curve.push(truth.reduce((sum, v, n) => sum + (v - shown[n]) ** 2, 0) / truth.length);
  }
  const spent = performance.now() - started;
  const ahead = time - observed + 1;
  at("phase").textContent = ahead > 0 ? `forecast, frame ${ahead}` : `observed, frame ${time + 1}`;
  at("mse").textContent = curve.length ? curve[curve.length - 1].toExponential(1) : "–";
  if (ahead > 1) at("speed").textContent = `${spent.toFixed(0)} ms`;
  paint(at("world"), truth, grey);
  paint(at("forecast"), shown, grey);
  paint(at("error"), truth.map((v, n) => (ahead > 0 ? Math.abs(v - shown[n]) : 0)), heat);
  lattice(state);
  chart();
  time += 1;
  if (ahead >= LONGEST) restart();
}

function begin() {
  forecast = model.forecast(frames, at("rollout").value);
  const law = Fernn.equivarianceError(model, frames, [0, 1]);
  at("law").textContent = law === null ? "V = {0} has no other channel to compare with" : law.toExponential(1);
}

const grey = (value) => [255, 255, 255].map((c) => c * Math.min(1, Math.max(0, value)));
const heat = (value) => {
  const v = Math.min(1, value);
  return [255, 255 * (1 - v * 0.75), 255 * (1 - v)];
};

function paint(canvas, values, colour) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d"), image = context.createImageData(size, size);
  values.forEach((value, n) => image.data.set([...colour(value), 255], 4 * n));
  context.putImageData(image, 0, 0);
}

// The norm of the state in each velocity channel, against the strongest.
function lattice(state) {
  const canvas = at("lattice"), wide = 2 * model.speed + 1, cell = 240 / wide;
  canvas.width = canvas.height = 240;
  const context = canvas.getContext("2d");
  const norms = state.map((slot) => Math.sqrt(slot.reduce((sum, v) => sum + v * v, 0)));
  const most = Math.max(...norms, 1e-9);
  model.velocities.forEach(([rows, columns], slot) => {
    const [x, y] = [(columns + model.speed) * cell, (rows + model.speed) * cell];
    const light = (norms[slot] / most) ** 2;
    context.fillStyle = `hsl(205 80% ${8 + 62 * light}%)`;
    context.fillRect(x + 1, y + 1, cell - 2, cell - 2);
    if (world.objects.some(({ velocity: [r, c] }) => r === rows && c === columns)) {
      context.strokeStyle = "#ffb000";
      context.lineWidth = 4;
      context.beginPath();
      context.arc(x + cell / 2, y + cell / 2, cell / 3, 0, 7);
      context.stroke();
    }
  });
}

function chart() {
  const canvas = at("chart"), ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, 170];
  canvas.style.height = `${height}px`;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d"), style = getComputedStyle(document.body);
  const colour = (name) => style.getPropertyValue(name).trim();
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  const x = (frame) => 44 + ((width - 52) * frame) / LONGEST;
  const y = (error) => {
    const power = Math.log10(Math.max(error, 10 ** LOWEST));
    return 12 + (height - 36) * ((HIGHEST - power) / (HIGHEST - LOWEST));
  };
  context.strokeStyle = colour("--line");
  context.fillStyle = colour("--dim");
  for (let power = LOWEST; power <= HIGHEST; power++) {
    line(context, [[x(0), y(10 ** power)], [x(LONGEST), y(10 ** power)]], 1);
    context.fillText(`1e${power}`, 6, y(10 ** power) + 4);
  }
  for (const [frame, words] of [[model.horizon, "trained"], [model.longest, "longest in training"]]) {
    line(context, [[x(frame), 8], [x(frame), height - 22]], 1);
    context.fillText(words, x(frame) + 3, height - 8);
  }
  context.strokeStyle = colour("--dim");
  earlier.forEach((old) => line(context, old.map((e, n) => [x(n + 1), y(e)]), 0.7));
  context.strokeStyle = colour("--wrong");
  line(context, curve.map((e, n) => [x(n + 1), y(e)]), 2.5);
}

function line(context, points, width) {
  context.lineWidth = width;
  context.beginPath();
  points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

const limited = (speed) => Math.min(MOST, Math.max(-MOST, speed));

function turn(rows, columns) {
  const object = world.objects[world.chosen];
  object.velocity = [limited(object.velocity[0] + rows), limited(object.velocity[1] + columns)];
  restart();
}

function pixel(event) {
  const box = at("world").getBoundingClientRect();
  const along = (place, start, length) =>
    Math.min(size - 1, Math.max(0, Math.floor((size * (place - start)) / length)));
  return [along(event.clientY, box.top, box.height), along(event.clientX, box.left, box.width)];
}

// The object that is brightest around a pixel of the frame that is shown.
function nearest([row, column]) {
  const light = ({ image, velocity: [r, c] }) => {
    const frame = Fernn.moved(image, 1, size, Math.max(0, time - 1) * r, Math.max(0, time - 1) * c);
    let sum = 0;
    for (let y = -2; y <= 2; y++) {
      for (let x = -2; x <= 2; x++) {
        sum += frame[((row + y + size) % size) * size + ((column + x + size) % size)];
      }
    }
    return sum;
  };
  const lights = world.objects.map(light);
  return lights.indexOf(Math.max(...lights));
}

function draw(event) {
  const [row, column] = pixel(event), object = world.objects[0];
  object.image[row * size + column] = 1;
  object.image[row * size + ((column + 1) % size)] = 1;
  restart();
  paint(at("world"), frameAt(0), grey);
}

at("world").addEventListener("pointerdown", (event) => {
  at("world").setPointerCapture(event.pointerId);
  began = pixel(event);
  if (at("drawing").checked) draw(event);
  else world.chosen = nearest(began);
});
at("world").addEventListener("pointermove", (event) => {
  if (began && at("drawing").checked) draw(event);
});
at("world").addEventListener("pointerup", (event) => {
  const ended = pixel(event), from = began;
  began = null;
  if (!from || at("drawing").checked) return;
  const part = (n) => limited(Math.round((ended[n] - from[n]) / 2));
  world.objects[world.chosen].velocity = [part(0), part(1)];
  restart();
});
at("drawing").addEventListener("change", () => {
  if (!at("drawing").checked) return;
  world.objects = [{ image: new Float32Array(size * size), velocity: [1, 2] }];
  world.chosen = 0;
  restart();
});

function renew(number) {
  at("drawing").checked = false;
  world.objects = Array.from({ length: number }, (_, n) => freshObject(n));
  world.chosen = 0;
  restart();
}
function pause() {
  paused = !paused;
  at("pause").textContent = paused ? "Go on" : "Pause";
}
function next(select) {
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  restart();
}

at("second").addEventListener("click", () => renew(world.objects.length > 1 ? 1 : 2));
at("fresh").addEventListener("click", () => renew(world.objects.length));
at("pause").addEventListener("click", pause);
for (const id of ["model", "rollout", "observed"]) at(id).addEventListener("change", restart);

const KEYS = {
  ArrowUp: () => turn(-1, 0), ArrowDown: () => turn(1, 0),
  ArrowLeft: () => turn(0, -1), ArrowRight: () => turn(0, 1),
  " ": pause, m: () => next(at("model")), r: () => next(at("rollout")),
  n: () => renew(world.objects.length),
  d: () => { world.chosen = (world.chosen + 1) % world.objects.length; },
};
document.addEventListener("keydown", (event) => {
  const inside = ["SELECT", "INPUT", "BUTTON"].includes(event.target.tagName);
  const does = KEYS[event.key.length > 1 ? event.key : event.key.toLowerCase()];
  if (!does || inside || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  does();
});

models.forEach(({ label }) => at("model").add(new Option(label)));
Object.keys(Fernn.ROLLOUTS).forEach((name) => at("rollout").add(new Option(name)));
at("model").selectedIndex = models.length - 1;
at("observed").value = models[0].context;
at("about").textContent = SHIPPED.about;
model = models[models.length - 1];
renew(2);
// page.html#40 begins after forty frames, for a picture.
for (let skipped = Number(location.hash.slice(1)) || 0; skipped > 0; skipped--) advance();
let last = 0;
function tick(now) {
  if (!paused && !began && now - last >= PACE) {
    last = now;
    advance();
  }
  window.requestAnimationFrame(tick);
}
window.requestAnimationFrame(tick);
