// Building elements without ever parsing text as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, `on...` listeners and children; attributes that are null stay away. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** An inline icon of stroked (and optionally filled) shapes on a 24 x 24 grid. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("mi2v-icon");
  for (const shape of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape.replace("fill:", ""));
    if (shape.startsWith("fill:")) path.classList.add("mi2v-solid");
    svg.append(path);
  }
  return svg;
}

const circle = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const ICONS = {
  select: ["fill:M6 3.5 18.5 12l-5.6 1.2L10 19z"],
  draw: ["M3.5 19.5c2.5-6 4.5-8 6-7s0 4.5 2 5 3-3.5 4-5.5", "M13.5 10.5 19 5l2 2-5.5 5.5-2.6.6z"],
  points: ["M6.5 16.5 11 8.8M13.5 8.5l4.3 5.5", circle(5.3, 18.3, 2.1), circle(12.2, 6.8, 2.1), circle(18.9, 16, 2.1)],
  pin: ["fill:M12 21s-6-6.6-6-11a6 6 0 1 1 12 0c0 4.4-6 11-6 11zm0-8.7a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8z"],
  undo: ["M8.5 5 4 9.5 8.5 14", "M4.5 9.5H14a5 5 0 0 1 0 10h-3"],
  redo: ["M15.5 5 20 9.5 15.5 14", "M19.5 9.5H10a5 5 0 0 0 0 10h3"],
  fit: ["M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  clear: ["M4.5 6.5h15M9.5 6V4h5v2M6.5 6.5 7.5 20h9l1-13.5M10.5 10.5v6M13.5 10.5v6"],
  help: ["M9.3 9.2a2.8 2.8 0 1 1 4.2 2.4c-1 .6-1.5 1.2-1.5 2.4", "fill:M11 16.7h2v2h-2z"],
  play: ["fill:M7 4.5v15l13-7.5z"],
  pause: ["fill:M6.5 5h4v14h-4zM13.5 5h4v14h-4z"],
  smooth: ["M3.5 18C8 18 7 6 12 6s4 12 8.5 12"],
  straight: ["M3.5 18 12 6l8.5 12"],
  linear: ["M4.5 19.5 19.5 4.5"],
  ease_in: ["M4.5 19.5c8 0 13-5 15-15"],
  ease_out: ["M4.5 19.5c2-10 7-15 15-15"],
  ease_in_out: ["M4.5 19.5c8 0 7-15 15-15"],
  reverse: ["M4 8.5h14M14.5 5 18 8.5 14.5 12", "M20 15.5H6M9.5 12 6 15.5 9.5 19"],
  duplicate: ["M8.5 8.5h11v11h-11z", "M15.5 5.5v-1h-11v11h1"],
  remove: ["M6 6l12 12M18 6 6 18"],
  image: ["M3.5 5h17v14h-17z", "M4 16.5l5-5 4 4 3-3 4.5 4.5", circle(15.8, 9, 1.4)],
  brush: ["M20 4 11.5 12.5l-1-1z", "M10 12.2c1.2.3 2 1.2 2.2 2.4-.2 3.2-4 5.4-8.7 5.2 1.8-1 2-2 2.2-4 .2-2 2.2-3.8 4.3-3.6z"],
  warning: ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "fill:M11 16h2v1.8h-2z"],
};
