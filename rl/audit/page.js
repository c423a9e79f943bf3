// Puts the page together: theme and charts. What draws them stands before this.

const byId = (id) => document.getElementById(id);

byId("theme").addEventListener("click", () => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
});

for (const figure of JSON.parse(byId("data").textContent).figures)
  buildFigure(figure, document.querySelector("#results .charts"), new Set());
