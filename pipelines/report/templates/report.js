"use strict";
(async () => {
  const element = (id) => document.getElementById(id);

  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(element(id).textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const library = document.createElement("script");
  library.textContent = await unpack("plotly");
  document.head.append(library);

  const report = JSON.parse(await unpack("payload"));
  const darkScheme = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const charts = [...document.querySelectorAll("[data-figure]")];
  const texts = Object.fromEntries(Object.entries(report.figures).map(([name, figure]) => [name, JSON.stringify(figure)]));
  const written = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
  const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const write = (value) => (value === null || value === undefined ? "–" : written.format(value));
  let chosen = 0;

  // Every color of a figure is one of a few; a dark figure is the same text with their partners.
  const themed = (name, dark) => {
    let text = texts[name];
    if (dark) for (const [light, partner] of Object.entries(report.dark)) text = text.replaceAll(light, partner);
    return JSON.parse(text);
  };

  const joined = (parts) => parts.flatMap((part, index) => (index ? [null, ...part] : part));
  const reversed = (values) => [...values].reverse();

  const fill = {
    fan(figure, series) {
      const { past, ahead } = series;
      for (const trace of figure.data) {
        trace.x = report.stamps[trace.meta === "actual" ? past.x : ahead.x];
        trace.y = trace.meta === "actual" ? past.actual : ahead[trace.meta];
        if (trace.customdata) trace.customdata = ahead[trace.meta.replace("hi-", "lo-")];
      }
    },
    backtest(figure, series) {
      const axes = series.windows.map((window) => report.stamps[window.x]);
      for (const trace of figure.data) {
        const band = trace.meta === "band";
        trace.x = joined(band ? axes.map((axis) => [...axis, ...reversed(axis)]) : axes);
        trace.y = joined(
          series.windows.map((window) => (band ? [...window.hi, ...reversed(window.lo)] : window[trace.meta])),
        );
      }
    },
  };

  const draw = (chart, print = false) => {
    const name = chart.dataset.figure;
    const figure = themed(name, darkScheme.matches && !print);
    fill[name]?.(figure, report.series[chosen]);
    if (touch) figure.layout.dragmode = false;
    // Paper is narrower than most windows, and nothing tells plotly of it.
    if (print) Object.assign(figure.layout, { width: chart.closest(".pair") ? 330 : 680, height: chart.closest(".pair") ? 190 : 320 });
    const config = { responsive: !print, displayModeBar: false, showTips: false };
    chart.querySelector(".pending")?.remove();
    return Plotly.react(chart, figure.data, figure.layout, config);
  };

  const fillTable = (series) => {
    const table = element("forecast-table");
    const { x, median, ...bounds } = series.ahead;
    const levels = [...new Set(Object.keys(bounds).map((name) => name.slice(3)))].reverse();
    const columns = [median, ...levels.flatMap((level) => [bounds[`lo-${level}`], bounds[`hi-${level}`]])];
    const heads = [report.columns[1], "forecast", ...levels.flatMap((level) => [`low ${level} %`, `high ${level} %`])];
    const cell = (kind, text, scope) => {
      const made = document.createElement(kind);
      made.textContent = text;
      if (scope) made.scope = scope;
      return made;
    };
    table.replaceChildren();
    table.createCaption().append(cell("span", `Forecast of ${series.id}`));
    table.createTHead().insertRow().append(...heads.map((head) => cell("th", head, "col")));
    const body = table.createTBody();
    report.stamps[x].forEach((stamp, step) => {
      body.insertRow().append(cell("th", stamp, "row"), ...columns.map((column) => cell("td", write(column[step]))));
    });
  };

  const describe = (series) => {
    const name = document.createElement("strong");
    name.textContent = series.id;
    const rank = document.createElement("span");
    if (series.score !== null) {
      const place = report.scored > 1 ? `, ${written.format(series.place + 1)} of ${written.format(report.scored)} from the worst` : "";
      rank.textContent = ` – ${report.metric} ${short.format(series.score)}${place}`;
    }
    element("chosen").replaceChildren(name, rank);
  };

  const choose = (index) => {
    chosen = index;
    const series = report.series[index];
    describe(series);
    fillTable(series);
    charts.filter((chart) => chart.dataset.figure in fill).forEach((chart) => draw(chart));
    const select = element("series");
    if (!select) return;
    if (![...select.options].some((option) => option.value === String(index))) list("");
    select.value = String(index);
    for (const button of element("landmarks").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.index) === index));
    }
  };

  const list = (part) => {
    const wanted = part.trim().toLowerCase();
    const options = report.series.flatMap((series, index) =>
      series.id.toLowerCase().includes(wanted)
        ? [new Option(series.score === null ? series.id : `${series.id} – ${report.metric} ${short.format(series.score)}`, index)]
        : [],
    );
    const none = new Option("no series matches", "");
    none.disabled = true;
    element("series").replaceChildren(...(options.length ? options : [none]));
    return options;
  };

  const step = (by) => {
    const values = [...element("series").options].filter((option) => !option.disabled).map((option) => Number(option.value));
    if (values.length) choose(values[(values.indexOf(chosen) + by + values.length) % values.length]);
  };

  if (element("picker")) {
    const atPlace = (place) => report.series.findIndex((series) => series.place === place);
    for (const [name, place] of Object.entries(report.landmarks)) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: name });
      button.dataset.index = atPlace(place);
      button.addEventListener("click", () => choose(atPlace(place)));
      element("landmarks").append(button);
    }
    list("");
    element("picker").hidden = false;
    element("picker").addEventListener("submit", (event) => event.preventDefault());
    element("series").addEventListener("change", (event) => choose(Number(event.target.value)));
    element("previous").addEventListener("click", () => step(-1));
    element("next").addEventListener("click", () => step(1));
    element("find")?.addEventListener("input", (event) => {
      const found = list(event.target.value);
      if (found.length && !found.some((option) => Number(option.value) === chosen)) choose(Number(found[0].value));
      else if (found.length) element("series").value = String(chosen);
    });
    for (const button of document.querySelectorAll("[data-place]")) {
      button.addEventListener("click", () => {
        choose(atPlace(Number(button.dataset.place)));
        element("forecasts").scrollIntoView();
        element("series").focus({ preventScroll: true });
      });
    }
  }

  darkScheme.addEventListener("change", () => charts.forEach((chart) => draw(chart)));
  addEventListener("beforeprint", () => charts.forEach((chart) => draw(chart, true)));
  addEventListener("afterprint", () => charts.forEach((chart) => draw(chart)));
  await Promise.all(charts.filter((chart) => !(chart.dataset.figure in fill)).map((chart) => draw(chart)));
  choose(Math.max(0, report.series.findIndex((series) => series.place === report.landmarks.Median)));
  document.body.dataset.ready = "yes";
})();
