// Numbers of one statistic: an array model × seed × dims, and means over parts of it.
"use strict";

const Look = (() => {
  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  // The places of all combinations of indices, as offsets into the array.
  function offsets(choices, strides) {
    return choices.reduce(
      (found, indices, dim) =>
        found.flatMap((at) => indices.map((index) => at + index * strides[dim])),
      [0],
    );
  }

  // item: as the page ships it, with `data` decoded. kept: the dims that stay. at: for
  // each other dim its index, or -1 for the mean. Gives model × seed × kept, flat in
  // the kept dims. Places that no model has are no part of a mean: holes of a grid.
  function reduced(item, kept, at) {
    const sizes = item.dims.map((dim) => dim.values.length);
    const strides = sizes.map((_, dim) => sizes.slice(dim + 1).reduce((a, b) => a * b, 1));
    const inner = sizes.reduce((a, b) => a * b, 1);
    const rows = item.models.length * item.seeds.length;
    const all = (size) => Array.from({ length: size }, (_, index) => index);
    const some = sizes.map((size, dim) => (at[dim] >= 0 ? [at[dim]] : all(size)));
    const cells = offsets(
      kept.map((dim) => all(sizes[dim])),
      kept.map((dim) => strides[dim]),
    );
    const others = all(sizes.length).filter((dim) => !kept.includes(dim));
    const averaged = offsets(
      others.map((dim) => some[dim]),
      others.map((dim) => strides[dim]),
    );
    const isHole = (place) =>
      all(rows).every((row) => Number.isNaN(item.data[row * inner + place]));
    const members = cells.map((cell) =>
      averaged.map((more) => cell + more).filter((place) => !isHole(place)),
    );
    const mean = (row, places) =>
      places.reduce((sum, place) => sum + item.data[row * inner + place], 0) / places.length;
    return item.models.map((_, model) =>
      item.seeds.map((_, seed) =>
        members.map((places) => mean(model * item.seeds.length + seed, places)),
      ),
    );
  }

  // Over the seeds of a model, at one place.
  function spread(seeds, place) {
    const values = seeds.map((numbers) => numbers[place]);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return { mean, low: Math.min(...values), high: Math.max(...values) };
  }

  // Of a dim of names one is looked at; their mean would say nothing.
  const isNamed = (dim) => typeof dim.values[0] === "string";

  // What can be drawn: two components of a velocity as a map, any other dim of numbers as
  // a curve.
  function views(item) {
    const names = item.dims.map((dim) => dim.name);
    const maps = names.flatMap((name, dim) => {
      const other = names.indexOf(name.replace(/_rows$/, "_columns"));
      return name.endsWith("_rows") && other >= 0 ? [[dim, other]] : [];
    });
    const curves = names.map((_, dim) => [dim]).filter(([dim]) => !isNamed(item.dims[dim]));
    return [...curves, ...maps, []];
  }

  return { decoded, isNamed, reduced, spread, views };
})();

if (typeof module !== "undefined") module.exports = Look;
