// Puts the page together: theme, runs to show or hide, charts, and the answers with their search.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function themeButton() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const remember = (value) => { try { localStorage.setItem("theme", value); } catch { /* a page from disk may have no storage */ } };
  try { root.dataset.theme = localStorage.getItem("theme") ?? ""; } catch { /* as above */ }
  byId("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    remember((root.dataset.theme = now === "dark" ? "light" : "dark"));
  });
}

function charts() {
  const hidden = new Set(), draws = data.figures.flatMap((figure) => buildFigure(figure, document.querySelector(`#${figure.part} .charts`), hidden));
  for (const part of ["held-out", "training"]) if (!data.figures.some((figure) => figure.part === part)) byId(part).remove();
  if (data.runs.length < 2) return;
  data.runs.forEach((label, run) => {
    const chip = html("button", "", null, byId("chips"));
    chip.type = "button";
    chip.title = "show or hide in all charts";
    chip.setAttribute("aria-pressed", "true");
    const key = make("svg", { class: colour(run), viewBox: "-8 -8 16 16", width: 13, height: 13 }, chip);
    make("path", { class: "mark", d: shape(run) }, key);
    chip.append(label);
    chip.addEventListener("click", () => {
      if (!hidden.delete(run)) hidden.add(run);
      chip.setAttribute("aria-pressed", String(!hidden.has(run)));
      draws.forEach((draw) => draw());
    });
  });
}

// ---- answers

const state = { query: "", where: "", filter: "", id: "" };
const cardsOf = (example) => example.columns.flatMap((column) => column.cards);
const haystack = (example) => (example.all ??= [example.id, example.prompt, example.answer, ...cardsOf(example).map((card) => card.text)].join("\n").toLowerCase());
const FILTERS = {
  differ: (cards) => new Set(cards.map((card) => card.verdict === "correct")).size > 1,
  right: (cards) => cards.every((card) => card.verdict === "correct"),
  wrong: (cards) => cards.every((card) => card.verdict !== "correct"),
  cut: (cards) => cards.some((card) => card.stop === "length"),
};

function matching() {
  const query = state.query.trim().toLowerCase();
  return data.examples.filter((example) =>
    (!state.where || example.where === state.where) && (!state.filter || FILTERS[state.filter](cardsOf(example))) && (!query || haystack(example).includes(query)));
}

// Text as text, with what was searched for marked: nothing a model wrote is ever read as HTML.
function marked(text, parent) {
  const query = state.query.trim().toLowerCase(), low = text.toLowerCase();
  let from = 0;
  for (let at = query && low.length === text.length ? low.indexOf(query) : -1; at >= 0; at = low.indexOf(query, from)) {
    parent.append(text.slice(from, at));
    html("mark", "", text.slice(at, at + query.length), parent);
    from = at + query.length;
  }
  parent.append(text.slice(from));
}

function card(one, column, longest, parent) {
  const box = html("div", `card ${colour(column.run)}`, null, parent), first = html("p", "", null, box);
  html("b", "", `${column.label}${one.step ? `, step ${one.step}` : ""}`, first);
  const told = html("p", "", null, box);
  html("span", one.verdict === "correct" ? "right" : "not-right", one.verdict.replace("_", " "), told);
  told.append(` · ${one.length} tokens${one.budget ? ` of ${one.budget}` : ""}${one.stop === "length" ? ", cut" : ""}`);
  const bar = html("div", "bar", null, box);
  html("i", "", null, bar).style.width = `${(100 * one.length) / longest}%`;
  if (one.rewards) {
    const named = Object.entries(one.rewards).map(([name, value]) => `${name} ${value === null ? "not judged" : exact(value)}`);
    html("p", "", `reward: ${named.join(", ")} · ${one.advantage === null ? "did not train" : `advantage ${one.advantage.toFixed(2)}`}`, box);
  }
  marked(one.text, html("pre", "", null, box));
}

function show(example) {
  const place = byId("shown");
  place.replaceChildren();
  if (!example) return;
  marked(example.prompt, html("p", "prompt", null, place));
  const facts = [example.where, example.answer && `answer ${example.answer}`, example.difficulty && `difficulty ${example.difficulty}`, `problem ${example.id}`];
  html("p", "says", facts.filter(Boolean).join(" · "), place);
  const columns = html("div", "columns", null, place), longest = Math.max(1, ...cardsOf(example).map((one) => one.length));
  for (const column of example.columns) {
    let box = html("div", "", null, columns);
    if (!column.cards.length) html("p", "says", `${column.label} never met this problem.`, box);
    column.cards.forEach((one, i) => {
      if (i === 1 && example.where === "held-out") {
        box = html("details", "", null, box);
        box.open = state.query !== "";
        html("summary", "", `${column.cards.length - 1} checkpoints on the way`, box);
      }
      card(one, column, longest, box);
    });
  }
}

function list() {
  const found = matching(), place = byId("list");
  byId("found").textContent = `${found.length} of ${data.examples.length} problems`;
  place.replaceChildren();
  const current = found.find((example) => example.id === state.id) ?? found[0];
  for (const example of found) {
    const button = html("button", "", null, html("li", "", null, place)), cards = cardsOf(example);
    button.type = "button";
    html("span", "", example.prompt, button);
    html("span", "", `${example.where} · ${cards.filter((one) => one.verdict === "correct").length} of ${cards.length} correct`, button);
    button.setAttribute("aria-current", String(example === current));
    button.addEventListener("click", () => { state.id = example.id; remember(); list(); });
  }
  show(current);
}

function remember() {
  const kept = new URLSearchParams(Object.entries({ q: state.query, where: state.where, filter: state.filter, id: state.id }).filter(([, value]) => value));
  try { history.replaceState(null, "", `#${kept}`); } catch { /* the address is a convenience */ }
}

function recall() {
  const hash = location.hash.slice(1), asked = new URLSearchParams(hash);
  if (!hash.includes("=")) return;
  Object.assign(state, { query: asked.get("q") ?? "", where: asked.get("where") ?? "", filter: asked.get("filter") ?? "", id: asked.get("id") ?? "" });
  if (!(state.filter in FILTERS)) state.filter = "";
  byId("search").value = state.query; byId("where").value = state.where; byId("filter").value = state.filter;
  byId("answers").scrollIntoView();
}

function answers() {
  if (!data.examples.length) return byId("answers").remove();
  const changed = (event, name) => { state[name] = event.target.value; state.id = ""; remember(); list(); };
  byId("search").addEventListener("input", (event) => changed(event, "query"));
  byId("where").addEventListener("change", (event) => changed(event, "where"));
  byId("filter").addEventListener("change", (event) => changed(event, "filter"));
  addEventListener("hashchange", () => { recall(); list(); });
  recall();
  list();
}

themeButton();
charts();
answers();
