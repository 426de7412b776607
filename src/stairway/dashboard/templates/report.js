"use strict";
// Draws every figure in the colours of the page's theme, and again when the theme changes.
(() => {
  const style = () => getComputedStyle(document.documentElement);

  // A colour is a name, such as "--real"; everything else is left as it is.
  const coloured = (value, theme) => {
    if (typeof value === "string") {
      return value.startsWith("--") ? theme.getPropertyValue(value).trim() || value : value;
    }
    if (Array.isArray(value)) return value.map((one) => coloured(one, theme));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, theme)]));
    }
    return value;
  };

  const dressed = (layout, narrow) => {
    const axis = { gridcolor: "--rule", zerolinecolor: "--rule-strong", linecolor: "--rule-strong",
      tickfont: { color: "--muted", size: 11 }, fixedrange: true };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "--ink" },
      hoverlabel: { bgcolor: "--card", bordercolor: "--rule-strong", font: { color: "--ink", size: 12 } },
      dragmode: false,
    };
    const out = { ...base, ...layout };
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      const own = layout[key];
      out[key] = { ...axis, ...own };
      if (own.title) out[key].title = { ...own.title, font: { color: "--muted", size: 11 }, standoff: 8 };
    }
    if (narrow && layout.legend) out.legend = { ...layout.legend, font: { size: 10.5 } };
    return out;
  };

  const draw = () => {
    const theme = style();
    const narrow = document.documentElement.clientWidth < 640;
    for (const source of document.querySelectorAll("script[data-for]")) {
      const place = document.getElementById(source.dataset.for);
      const figure = JSON.parse(source.textContent);
      const layout = coloured(dressed(figure.layout, narrow), theme);
      Plotly.react(place, coloured(figure.data, theme), layout, { responsive: true, displayModeBar: false });
    }
  };

  draw();
  const fit = new ResizeObserver((entries) => entries.forEach((one) => Plotly.Plots.resize(one.target)));
  document.querySelectorAll(".plot").forEach((place) => fit.observe(place));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
