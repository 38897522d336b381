// The trained forecaster in plain JavaScript: the flow equivariant cell, the decoder, and
// the roll-outs. Signals are Float32Array, channels × rows × columns, on a torus.
"use strict";

const Fernn = (() => {
  const SIDE = 3; // of the kernels, pixels

  // A 3×3 convolution on the torus, added to `out`. `weight`: out × in × 3 × 3.
  function convolve(input, weight, ins, outs, size, out) {
    const wide = size + 2, padded = new Float32Array(wide * wide), area = size * size;
    for (let i = 0; i < ins; i++) {
      for (let y = 0; y < wide; y++) {
        const row = i * area + ((y + size - 1) % size) * size;
        for (let x = 0; x < wide; x++) {
          padded[y * wide + x] = input[row + ((x + size - 1) % size)];
        }
      }
      for (let o = 0; o < outs; o++) {
        const w = (o * ins + i) * SIDE * SIDE, to = o * area;
        const [a, b, c] = [weight[w], weight[w + 1], weight[w + 2]];
        const [d, e, f] = [weight[w + 3], weight[w + 4], weight[w + 5]];
        const [g, h, k] = [weight[w + 6], weight[w + 7], weight[w + 8]];
        for (let y = 0; y < size; y++) {
          const up = y * wide, at = up + wide, down = at + wide, line = to + y * size;
          for (let x = 0; x < size; x++) {
            out[line + x] +=
              a * padded[up + x] + b * padded[up + x + 1] + c * padded[up + x + 2] +
              d * padded[at + x] + e * padded[at + x + 1] + f * padded[at + x + 2] +
              g * padded[down + x] + h * padded[down + x + 1] + k * padded[down + x + 2];
          }
        }
      }
    }
    return out;
  }

  // (ψ f)(x) = f(x − s): every channel moved by whole pixels.
  function moved(signal, channels, size, rows, columns) {
    const out = new Float32Array(signal.length), wrap = (n) => ((n % size) + size) % size;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < size; y++) {
        const from = (c * size + wrap(y - rows)) * size, to = (c * size + y) * size;
        for (let x = 0; x < size; x++) out[to + x] = signal[from + wrap(x - columns)];
      }
    }
    return out;
  }

  function rectified(signal) {
    for (let n = 0; n < signal.length; n++) if (signal[n] < 0) signal[n] = 0;
    return signal;
  }

  // Every |ν| up to `most` in rows and columns, in the order of the velocity axis.
  function square(most) {
    const velocities = [];
    for (let r = -most; r <= most; r++) {
      for (let c = -most; c <= most; c++) velocities.push([r, c]);
    }
    return velocities;
  }

  class Model {
    // about: { size, hidden, speed, layers, weights: { name: Float32Array } }
    constructor(about) {
      Object.assign(this, about);
      this.velocities = square(about.speed);
    }

    // h(ν) ← relu(ψ_1(ν)·(W ⋆ h(ν)) + U ⋆ f); without a frame, or a state, that is zero.
    step(state, frame) {
      const { size, hidden } = this, length = hidden * size * size;
      const lifted = new Float32Array(length);
      if (frame) convolve(frame, this.weights["cell.conv_u.weight"], 1, hidden, size, lifted);
      return this.velocities.map(([rows, columns], slot) => {
        const next = lifted.slice();
        if (state) {
          const drive = new Float32Array(length);
          convolve(state[slot], this.weights["cell.conv_h.weight"], hidden, hidden, size, drive);
          const shifted = moved(drive, hidden, size, rows, columns);
          for (let n = 0; n < length; n++) next[n] += shifted[n];
        }
        return rectified(next);
      });
    }

    // The state after frames that follow each other.
    encode(frames) {
      return frames.reduce((state, frame) => this.step(state, frame), null);
    }

    // Dec(max over ν of ψ_ahead(ν)·h(ν)); a linear output.
    decode(state, ahead) {
      const { size, hidden } = this;
      let signal = null;
      this.velocities.forEach(([rows, columns], slot) => {
        const there = moved(state[slot], hidden, size, ahead * rows, ahead * columns);
        if (!signal) signal = there;
        else for (let n = 0; n < there.length; n++) if (there[n] > signal[n]) signal[n] = there[n];
      });
      for (let layer = 0; layer < this.layers; layer++) {
        const out = new Float32Array(signal.length), name = `decoder.${2 * layer}.weight`;
        signal = rectified(convolve(signal, this.weights[name], hidden, hidden, size, out));
      }
      const last = this.weights[`decoder.${2 * this.layers}.weight`];
      return convolve(signal, last, hidden, 1, size, new Float32Array(size * size));
    }

    // A forecast that can be asked for one frame after the other.
    forecast(frames, rollout) {
      return new ROLLOUTS[rollout](this, this.encode(frames), frames[frames.length - 1]);
    }
  }

  const clamped = (frame) => frame.map((value) => Math.min(1, Math.max(0, value)));

  function norm(state) {
    let sum = 0;
    for (const slot of state) for (const value of slot) sum += value * value;
    return Math.sqrt(Math.max(sum, 1.1754944e-38));
  }

  // The roll-outs: each keeps a `state`, and `next` gives the next predicted frame.
  class Advect { // the last observed state only flows
    constructor(model, state) { Object.assign(this, { model, state, ahead: 0 }); }
    next() { this.ahead += 1; return this.model.decode(this.state, this.ahead); }
  }

  class Free { // the recurrence runs without input and keeps its norm
    constructor(model, state) { Object.assign(this, { model, state, kept: null }); }
    next() {
      if (this.kept === null) this.kept = norm(this.state);
      else {
        this.state = this.model.step(this.state, null);
        const scale = this.kept / norm(this.state);
        for (const slot of this.state) for (let n = 0; n < slot.length; n++) slot[n] *= scale;
      }
      return this.model.decode(this.state, 1);
    }
  }

  class Shifted { // the moved state is decoded, and the prediction is fed
    constructor(model, state) { Object.assign(this, { model, state, fed: null }); }
    next() {
      if (this.fed) this.state = this.model.step(this.state, this.fed);
      const prediction = this.model.decode(this.state, 1);
      this.fed = clamped(prediction);
      return prediction;
    }
  }

  class Repeat { // the paper's code: the last observed frame is fed twice
    constructor(model, state, last) { Object.assign(this, { model, state, fed: last }); }
    next() {
      this.state = this.model.step(this.state, this.fed);
      this.fed = this.model.decode(this.state, 0);
      return this.fed;
    }
  }

  const ROLLOUTS = { advect: Advect, free: Free, shifted: Shifted, repeat: Repeat };

  // How far flowing the input is from permuting the slots, relative; null if V is {0}.
  function equivarianceError(model, frames, [rows, columns]) {
    const flowed = frames.map((f, t) => moved(f, 1, model.size, t * rows, t * columns));
    const still = model.encode(frames), moving = model.encode(flowed);
    const steps = frames.length - 1, place = new Map(model.velocities.map((v, n) => [`${v}`, n]));
    let wrong = 0, whole = 0;
    model.velocities.forEach(([r, c], slot) => {
      const source = place.get(`${[r - rows, c - columns]}`);
      if (source === undefined) return;
      const expected =
        moved(still[source], model.hidden, model.size, steps * rows, steps * columns);
      expected.forEach((value, n) => {
        wrong += (moving[slot][n] - value) ** 2;
        whole += value ** 2;
      });
    });
    return whole ? Math.sqrt(wrong / whole) : null;
  }

  // Little-endian float32 values in base64.
  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  return { Model, ROLLOUTS, clamped, decoded, equivarianceError, moved, square };
})();

if (typeof module !== "undefined") module.exports = Fernn;
