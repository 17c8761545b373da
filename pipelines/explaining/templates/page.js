"use strict";
(async () => {
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const library = document.createElement("script");
  library.textContent = await unpack("plotly");
  document.head.append(library);

  const page = JSON.parse(await unpack("payload"));
  const texts = Object.fromEntries(Object.entries(page.figures).map(([name, figure]) => [name, JSON.stringify(figure)]));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;

  // Every color of a figure is one of a few; a dark figure is the same text with their partners.
  const draw = async () => {
    for (const chart of document.querySelectorAll("[data-figure]")) {
      let text = texts[chart.dataset.figure];
      if (scheme.matches) for (const [light, dark] of Object.entries(page.dark)) text = text.replaceAll(light, dark);
      const figure = JSON.parse(text);
      if (touch) figure.layout.dragmode = false;
      chart.querySelector(".pending")?.remove();
      await Plotly.react(chart, figure.data, figure.layout, { responsive: true, displayModeBar: false, showTips: false });
    }
    document.body.dataset.ready = "yes";
  };
  scheme.addEventListener("change", draw);
  await draw();
})();
