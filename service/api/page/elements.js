// Elements and numbers. Text goes in as text alone: nothing of a picture or an answer is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function number(value, digits = 4) {
  return value === null || value === undefined ? "–" : String(Number(value.toPrecision(digits)));
}

export function percent(share) {
  return `${Number((100 * share).toPrecision(share > 0.1 ? 3 : 2))} %`;
}

// A share as people say it: 25 %, or 1 in 12,000.
export function oneIn(share) {
  if (share >= 0.01) return percent(share);
  if (share < 1e-9) return "fewer than 1 in 1,000,000,000";
  return `1 in ${Number((1 / share).toPrecision(2)).toLocaleString("en")}`;
}

export function spaced(name) {
  return name.replaceAll("_", " ");
}
