"use strict";
// Draws the charts of the embedded data as SVG. One panel at a time, anew whenever its width or what is shown changes.

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { left: 50, right: 14, top: 10, bottom: 38 };

function make(name, attributes = {}, parent = null, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

function html(name, classes = "", text = null, parent = null) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

const colour = (run) => (run === null ? "grey" : `run-${run % 8}`);
const short = (value) => (Math.abs(value) >= 1e4 ? `${+(value / 1e3).toPrecision(3)}k` : `${+value.toPrecision(4)}`);
const exact = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : `${+(Math.abs(value) >= 1 ? value.toFixed(1) : value.toPrecision(3))}`);

function linearTicks(low, high, wanted) {
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const m of [1, 2, 5]) if (m * 10 ** power >= low && m * 10 ** power <= high) ticks.push(m * 10 ** power);
  return ticks;
}

function scale(low, high, from, to, log) {
  const f = log ? Math.log : (v) => v;
  return (value) => from + ((f(value) - f(low)) / (f(high) - f(low))) * (to - from);
}

function extent(values, fromZero, pad, log) {
  let low = Math.min(...values), high = Math.max(...values);
  if (log) return [low / 1.25, high * 1.25];
  if (low === high) { low -= Math.abs(low) / 10 || 1; high += Math.abs(high) / 10 || 1; }
  const room = (high - low) * pad;
  return [fromZero ? Math.min(0, low) : low - room, high + room];
}

const SHAPES = [
  "M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z", "M-4.6,-4.6H4.6V4.6H-4.6Z", "M0,-6L5.8,4.4H-5.8Z", "M0,-6.4L6.4,0L0,6.4L-6.4,0Z",
  "M0,6L5.8,-4.4H-5.8Z", "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M0,-6L5.7,-1.9L3.5,4.9H-3.5L-5.7,-1.9Z", "M-6,-3.5L0,-6L6,-3.5V3.5L0,6L-6,3.5Z",
];
const shape = (run) => SHAPES[run === null ? 0 : run % SHAPES.length];

function pathOf(xs, ys, stepped) {
  return xs.map((x, i) => (i === 0 ? `M${x},${ys[i]}` : stepped ? `H${x}V${ys[i]}` : `L${x},${ys[i]}`)).join("");
}

const visible = (series, hidden) => series.filter((one) => one.run === null || !hidden.has(one.run));

function drawPanel(figure, panel, place, hidden) {
  const series = visible(panel.series, hidden);
  const box = place.querySelector(".plot");
  box.replaceChildren();
  const width = Math.max(240, box.clientWidth), single = figure.panels.length === 1;
  const height = single ? Math.max(260, Math.min(430, width * 0.52)) : 230;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${figure.title}. ${panel.title}` }, box);
  if (!series.length) return make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg, "hidden");

  const xs = series.flatMap((s) => [...s.x, ...s.x_intervals.flat()]);
  const beside = panel.shared ? visible(figure.panels.filter((one) => one.shared).flatMap((one) => one.series), hidden) : series;
  const ys = beside.flatMap((s) => [...s.y, ...s.faint, ...s.y_intervals.flat()]);
  const [x0, x1] = figure.categories.length ? [-0.4, figure.categories.length - 0.6]
    : extent(xs, figure.x_from_zero, figure.x_from_zero ? 0.07 : 0.02, figure.log_x);
  const [y0, y1] = extent(ys, panel.y_from_zero, 0.08, false);
  const x = scale(x0, x1, EDGE.left, width - EDGE.right, figure.log_x), y = scale(y0, y1, height - EDGE.bottom, EDGE.top, false);

  for (const tick of linearTicks(y0, y1, 5)) {
    make("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }, svg);
    make("text", { x: EDGE.left - 7, y: y(tick) + 4, "text-anchor": "end" }, svg, short(tick));
  }
  const floor = height - EDGE.bottom;
  const apart = Math.max(0, ...figure.categories.map((name) => 7 * name.length + 6)) / (x(1) - x(0));  // or they would touch
  const names = figure.categories.map((name, i) => [i, name]).filter(([i]) => i % Math.ceil(Math.max(1, apart)) === 0);
  const ticks = names.length ? names : figure.ticks.length ? figure.ticks.map((t, i) => [t, figure.tick_names[i] ?? short(t)]) : (figure.log_x ? logTicks(x0, x1) : linearTicks(x0, x1, width / 90)).map((t) => [t, short(t)]);
  for (const [tick, name] of ticks) {
    if (!names.length) make("line", { class: "grid", x1: x(tick), x2: x(tick), y1: EDGE.top, y2: floor }, svg);
    make("text", { x: x(tick), y: floor + 16, "text-anchor": "middle" }, svg, name);
  }
  make("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: floor, y2: floor }, svg);
  make("text", { x: (EDGE.left + width - EDGE.right) / 2, y: height - 4, "text-anchor": "middle" }, svg, figure.x_label + (figure.log_x ? ", logarithmic" : ""));

  for (const one of series) drawSeries(svg, one, x, y);
  const named = series.filter((one) => one.notes.length).sort((a, b) => (a.kind === "quoted") - (b.kind === "quoted"));
  const taken = named.flatMap((one) => one.x.map((value, i) => ({ x: x(value) - 4, y: y(one.y[i]) - 4, w: 8, h: 8 })));
  if (single) for (const one of named) nameSeries(svg, one, x, y, width - EDGE.right, taken);
  hover(svg, figure, series, x, y, floor);
}

// A few places of a line, evenly: its marks tell it from others where colours do not.
const someOf = (count) => [...new Set([0.1, 0.35, 0.6, 0.85].map((share) => Math.round(share * (count - 1))))];

function drawSeries(svg, one, x, y) {
  const group = make("g", { class: colour(one.run) }, svg), xs = one.x.map(x), ys = one.y.map(y);
  const stepped = one.kind === "steps", pointed = one.kind === "joined";
  if (one.faint.length) make("path", { class: `line faint dash-${one.dash}`, d: pathOf(xs, one.faint.map(y), stepped) }, group);
  if (one.kind === "quoted") {
    xs.forEach((px, i) => make("path", { class: "cross", d: `M${px - 4},${ys[i] - 4}l8,8m0,-8l-8,8` }, group));
    return;
  }
  if (xs.length > 1) make("path", { class: `line dash-${one.dash}${pointed ? " joined" : ""}`, d: pathOf(xs, ys, stepped) }, group);
  if (!pointed && xs.length > 1) {
    if (one.run !== null) for (const i of someOf(xs.length)) make("path", { class: "mark", d: shape(one.mark ?? one.run), transform: `translate(${xs[i]},${ys[i]}) scale(.7)` }, group);
    return;
  }
  one.x_intervals.forEach(([low, high], i) => make("line", { class: "error", x1: x(low), x2: x(high), y1: ys[i], y2: ys[i] }, group));
  one.y_intervals.forEach(([low, high], i) => make("line", { class: "error", x1: xs[i], x2: xs[i], y1: y(low), y2: y(high) }, group));
  xs.forEach((px, i) => {
    const small = one.small[i];
    make("path", { class: `mark${small ? " small" : ""}`, d: shape(one.mark ?? one.run), transform: `translate(${px},${ys[i]}) scale(${small ? 0.65 : 1.15})` }, group);
    if (one.ringed[i]) make("circle", { class: "ring", cx: px, cy: ys[i], r: small ? 7 : 10.5 }, group);
  });
}

// A name goes beside its point where it covers no other name; else it is left to legend and tooltip.
function nameSeries(svg, one, x, y, edge, taken) {
  const quoted = one.kind === "quoted";
  one.x.forEach((value, i) => {
    if (one.small[i]) return;
    const text = quoted ? one.notes[i].split(",")[0] : one.label, wide = text.length * (quoted ? 5.6 : 6.8), px = x(value), py = y(one.y[i]);
    const spots = [[12, -9], [12, 17], [-12 - wide, -9], [-12 - wide, 17]];
    const boxes = spots.map(([dx, dy]) => ({ x: px + dx, y: py + dy - 10, w: wide, h: 13 }));
    const free = boxes.find((b) => b.x > EDGE.left && b.x + b.w < edge + 8 && b.y > 0 && !taken.some((t) => b.x < t.x + t.w && t.x < b.x + b.w && b.y < t.y + t.h && t.y < b.y + b.h));
    if (!free) return;
    taken.push(free);
    make("text", { class: `name ${colour(one.run)}${quoted ? " quote" : ""}`, x: free.x, y: free.y + 10 }, svg, text);
  });
}

function hover(svg, figure, series, x, y, floor) {
  const cursor = make("line", { class: "cursor", y1: EDGE.top, y2: floor, visibility: "hidden" }, svg);
  const pointed = series.some((one) => one.notes.length);
  const hide = () => { cursor.setAttribute("visibility", "hidden"); hideTooltip(); };
  const show = (at, event) => {
    const found = pointed ? nearestPoint(series, x, y, at) : nearestX(figure, series, x, at);
    cursor.setAttribute("visibility", found && !pointed ? "visible" : "hidden");
    if (!found) return hideTooltip();
    cursor.setAttribute("x1", found.x); cursor.setAttribute("x2", found.x);
    showTooltip(found.head, found.lines, event);
  };
  svg.addEventListener("pointermove", (event) => show(new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()), event));
  svg.addEventListener("pointerleave", hide);
  byKeys(svg, stopsOf(series, pointed, x, y, floor), show, hide);
}

// Where the arrow keys stop, from left to right: at points, or at every x of the lines.
function stopsOf(series, pointed, x, y, floor) {
  if (pointed) return series.filter((s) => s.notes.length).flatMap((one) => one.x.map((value, i) => ({ x: x(value), y: y(one.y[i]) }))).sort((a, b) => a.x - b.x);
  return [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b).map((value) => ({ x: x(value), y: (EDGE.top + floor) / 2 }));
}

// A chart in focus shows by keys what it shows under the pointer: arrows, Home and End; Escape hides it.
function byKeys(svg, stops, show, hide) {
  let place = -1;
  svg.setAttribute("tabindex", "0");
  svg.addEventListener("keydown", (event) => {
    const last = stops.length - 1, to = { ArrowRight: Math.min(last, place + 1), ArrowLeft: Math.max(0, place - 1), Home: 0, End: last }[event.key];
    if (event.key === "Escape") return hide();
    if (to === undefined || last < 0) return;
    event.preventDefault();
    place = to;
    const at = new DOMPoint(stops[place].x, stops[place].y).matrixTransform(svg.getScreenCTM());
    show(stops[place], { clientX: at.x, clientY: at.y });
  });
  svg.addEventListener("blur", hide);
}

function nearestPoint(series, x, y, at) {
  let best = null, distance = 26;
  for (const one of series.filter((s) => s.notes.length)) one.x.forEach((value, i) => {
    const away = Math.hypot(x(value) - at.x, y(one.y[i]) - at.y);
    if (away >= distance) return;
    distance = away;
    const range = (list) => (list.length ? ` [${list[i].map(exact).join(", ")}]` : "");
    const [head, ...rest] = one.notes[i].split("\n");
    const numbers = [`${one.y[i].toFixed(1)} % accuracy${range(one.y_intervals)}`, `${exact(value)} tokens${range(one.x_intervals)}`];
    best = { x: x(value), head, lines: [...numbers, ...rest, ...(one.ringed[i] ? ["on the Pareto front"] : [])] };
  });
  return best;
}

function nearestX(figure, series, x, at) {
  const all = series.flatMap((one) => one.x), nearest = all.reduce((best, v) => (Math.abs(x(v) - at.x) < Math.abs(x(best) - at.x) ? v : best), all[0]);
  const lines = series.map((one) => {
    let i = one.kind === "steps" ? one.x.findLastIndex((v) => v <= nearest) : one.x.reduce((b, v, j) => (Math.abs(v - nearest) < Math.abs(one.x[b] - nearest) ? j : b), 0);
    return i < 0 ? null : `${one.label}: ${exact(one.faint.length ? one.faint[i] : one.y[i])}`;
  });
  const name = figure.categories[nearest] ?? exact(nearest);
  return { x: x(nearest), head: `${figure.x_label.replace(/ \(.*| as the.*|,.*/, "")} ${name}`, lines: lines.filter((line) => line !== null) };
}

function showTooltip(head, lines, event) {
  const tip = document.getElementById("tooltip");
  tip.replaceChildren();
  html("p", "head", head, tip);
  for (const line of lines) html("p", "", line, tip);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 8, event.clientX + 16))}px`;
  tip.style.top = `${event.clientY + height + 24 > innerHeight ? event.clientY - height - 14 : event.clientY + 16}px`;
}
const hideTooltip = () => { document.getElementById("tooltip").hidden = true; };

function legend(panel, place) {
  const box = html("div", "legend", null, place);
  for (const one of panel.series) {
    const item = html("span", "", null, box), key = make("svg", { class: colour(one.run), viewBox: "0 0 22 10" }, item);
    if (one.kind === "quoted") make("path", { class: "cross", d: "M7,1l8,8m0,-8l-8,8" }, key);
    else if (one.kind === "joined") make("path", { class: "mark", d: shape(one.mark ?? one.run), transform: "translate(11,5) scale(.85)" }, key);
    else make("path", { class: `line dash-${one.dash}`, d: "M0,5H22" }, key);
    if (one.run !== null && !["quoted", "joined"].includes(one.kind)) make("path", { class: "mark", d: shape(one.mark ?? one.run), transform: "translate(11,5) scale(.7)" }, key);
    item.append(one.label);
  }
}

function buildFigure(figure, parent, hidden) {
  html("h3", "", figure.title, parent).id = figure.name;
  html("p", "says", figure.says, parent);
  if (figure.caveat) html("p", "says caveat", figure.caveat, parent);
  const panels = html("div", `panels ${{ 1: "one", 2: "two", 4: "two" }[figure.panels.length] ?? ""}`, null, parent);
  return figure.panels.map((panel) => {
    const place = html("figure", "panel", null, panels);
    html("h4", "", panel.title ? `${panel.title} · ${panel.y_label}` : panel.y_label, place);
    const plot = html("div", "plot", null, place);
    legend(panel, place);
    const draw = () => drawPanel(figure, panel, place, hidden);
    let width = 0;
    new ResizeObserver(() => { if (plot.clientWidth !== width) { width = plot.clientWidth; draw(); } }).observe(plot);
    return draw;
  });
}
