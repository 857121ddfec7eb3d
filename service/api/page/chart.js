// The score on a line: how pairs of two people and of one person lie there by the calibration, and the operating points.
//
// Nothing is drawn that the service does not know. Of pairs of two people it knows the whole curve of false-match rate; of
// pairs of one person the share below each operating point's threshold, so they are drawn between the thresholds alone.

import { el, number, oneIn, percent, svg } from "./elements.js";

const HEIGHT = 344;
const DISTRIBUTIONS = [34, 120]; // top and bottom of the upper panel
const RATES = [134, 258]; // of the lower one
const SIDES = [46, 12];
const LABEL = 13; // width of a label that stands upright

// A stratum (pairs whose pictures are about as good as these) has thresholds of its own; one person's pairs were measured over all.
function pointsOf(curve, pooled) {
  if (curve === pooled) return pooled.operating_points;
  return pooled.operating_points.map((point) => ({
    ...point, threshold: curve.thresholds[point.name], fmr_low: null, fmr_high: null, fnmr: null,
    quality: point.fmr >= curve.fmr_shown_down_to ? "within what the pairs show" : "extrapolated",
  }));
}

export function scoreChart(own, pooled, answer) {
  const curve = { ...own, operating_points: pointsOf(own, pooled) };
  const figure = el("figure", { class: "chart" });
  const holder = el("div", { class: "drawing" });
  figure.append(holder, caption(curve, answer), table(curve, answer));
  const draw = () => {
    const width = holder.clientWidth;
    if (width > 0) holder.replaceChildren(drawing(curve, answer, width));
  };
  new ResizeObserver(draw).observe(holder);
  return figure;
}

function axis(curve, score, width) {
  const thresholds = curve.operating_points.map((point) => point.threshold);
  const first = curve.scores[curve.fmr.findLastIndex((fmr) => fmr > 0.99)] ?? curve.scores[0];
  let [low, high] = [Math.min(first, score), Math.max(...thresholds, score)];
  const isLog = curve.scale === "log" && low > 0;
  const to = isLog ? Math.log : (value) => value;
  const margin = 0.08 * (to(high) - to(low));
  [low, high] = [to(low) - margin, to(high) + margin];
  const place = (value) => SIDES[0] + ((to(value) - low) / (high - low)) * (width - SIDES[0] - SIDES[1]);
  // Far outside enough to be cut off, near enough to be drawn: a logarithm of 0 is nowhere.
  return { place: (value) => Math.min(Math.max(place(value), -width), 2 * width), to, ends: [low, high], isLog };
}

function drawing(curve, answer, width) {
  const { place, to, ends, isLog } = axis(curve, answer.score, width);
  const floor = Math.floor(Math.log10(Math.min(...curve.operating_points.map((point) => point.fmr), answer.fmr_at_score ?? 1))) - 0.3;
  const rate = (share) => RATES[0] + Math.min(Math.log10(Math.max(share, 1e-300)) / floor, 1) * (RATES[1] - RATES[0]);
  const x = curve.scores.map(place);
  const line = (values) => values.map((value, i) => `${i ? "L" : "M"}${x[i].toFixed(1)} ${rate(value).toFixed(1)}`).join("");
  const shownTo = Math.max(curve.fmr.findLastIndex((fmr) => fmr >= curve.fmr_shown_down_to), 0) + 1;
  const band = line(curve.fmr_high) + [...curve.fmr_low.keys()].reverse().map((i) => `L${x[i].toFixed(1)} ${rate(curve.fmr_low[i]).toFixed(1)}`).join("") + "Z";
  const path = (from, until) => curve.fmr.slice(from, until).map((fmr, i) => `${i ? "L" : "M"}${x[from + i].toFixed(1)} ${rate(fmr).toFixed(1)}`).join("");
  const scoreX = place(answer.score);
  const isRight = scoreX > width / 2;
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": inWords(curve, answer) },
    svg("clipPath", { id: `plot-${curve.stratum}` }, svg("rect", { x: SIDES[0], y: 0, width: width - SIDES[0] - SIDES[1], height: HEIGHT })),
    svg("path", { class: "non-mated", d: strangers(curve, place, to), "clip-path": `url(#plot-${curve.stratum})` }),
    samePerson(curve, place, to),
    svg("path", { class: "axis", d: `M${SIDES[0]} ${DISTRIBUTIONS[1]}H${width - SIDES[1]}` }),
    decades(floor).map((exponent) => [
      svg("path", { class: "grid", d: `M${SIDES[0]} ${rate(10 ** exponent)}H${width - SIDES[1]}` }),
      svg("text", { class: "tick", x: SIDES[0] - 6, y: rate(10 ** exponent) + 4, "text-anchor": "end" }, exponent === 0 ? "1" : "10", exponent === 0 ? "" : superscript(exponent)),
    ]).flat(),
    svg("g", { "clip-path": `url(#plot-${curve.stratum})` },
      svg("path", { class: "band", d: band }),
      svg("path", { class: "curve", d: path(0, shownTo) }),
      svg("path", { class: "curve beyond", d: path(Math.max(shownTo - 1, 0), curve.fmr.length) })),
    thresholds(curve.operating_points, answer.operating_point, place, rate),
    ticks(ends, isLog, place),
    svg("path", { class: "score", d: `M${scoreX} 24V${RATES[1]}` }),
    svg("circle", { class: "score-dot", cx: scoreX, cy: RATES[1], r: 4.5 }),
    svg("text", { class: "score-label", x: scoreX + (isRight ? 4 : -4), y: 17, "text-anchor": isRight ? "end" : "start" }, `this pair: ${number(answer.score)}`));
}

// Step densities: each interval of the curve holds the pairs that the rate loses in it.
function strangers(curve, place, to) {
  const steps = curve.scores.slice(1).map((score, i) => ({
    from: place(curve.scores[i]), until: place(score), height: (curve.fmr[i] - curve.fmr[i + 1]) / (to(score) - to(curve.scores[i])),
  }));
  return stairs(steps);
}

// Whoever calibrates on faces that nobody named knows nothing of one person's pairs.
function isMated(point) {
  return point.fnmr !== null;
}

function samePerson(curve, place, to) {
  const points = [...curve.operating_points].sort((a, b) => a.threshold - b.threshold);
  if (points.length < 2 || !points.every(isMated)) return [];
  const steps = points.slice(1).map((point, i) => ({
    from: place(points[i].threshold), until: place(point.threshold),
    height: Math.max(point.fnmr - points[i].fnmr, 0) / (to(point.threshold) - to(points[i].threshold)),
  }));
  const y = DISTRIBUTIONS[1] - 6;
  return [
    svg("path", { class: "mated", d: stairs(steps) }),
    svg("text", { class: "mated-share", x: place(points[0].threshold) - 5, y, "text-anchor": "end" }, `◂ ${percent(points[0].fnmr)}`),
    svg("text", { class: "mated-share", x: place(points.at(-1).threshold) + 5, y, "text-anchor": "start" }, `${percent(1 - points.at(-1).fnmr)} ▸`),
  ];
}

function stairs(steps) {
  const [top, bottom] = DISTRIBUTIONS;
  const tallest = Math.max(...steps.map((step) => step.height));
  const y = (height) => (bottom - (height / tallest) * (bottom - top)).toFixed(1);
  const outline = steps.map((step) => `L${step.from.toFixed(1)} ${y(step.height)}L${step.until.toFixed(1)} ${y(step.height)}`).join("");
  return `M${steps[0].from.toFixed(1)} ${bottom}${outline}L${steps.at(-1).until.toFixed(1)} ${bottom}Z`;
}

function thresholds(points, asked, place, rate) {
  let last = -Infinity;
  return [...points].sort((a, b) => a.threshold - b.threshold).map((point) => {
    const x = place(point.threshold);
    last = Math.max(x + 4, last + LABEL); // labels stand beside each other where thresholds lie close
    return svg("g", { class: point.name === asked ? "threshold asked" : "threshold" },
      svg("path", { d: `M${x} ${DISTRIBUTIONS[0]}V${RATES[1]}` }),
      isMated(point) ? [
        svg("path", { class: "whisker", d: `M${x} ${rate(point.fnmr_low)}V${rate(point.fnmr_high)}` }),
        svg("rect", { class: "fnmr", x: x - 3.5, y: rate(point.fnmr) - 3.5, width: 7, height: 7 }),
      ] : [],
      svg("text", { class: "tick", x: 0, y: 0, transform: `translate(${last - 8} ${RATES[1] + 22}) rotate(90)` }, point.name));
  });
}

function ticks([low, high], isLog, place) {
  const from = (value) => (isLog ? Math.exp(value) : value);
  const [first, last] = [from(low), from(high)];
  const rough = (last - first) / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const found = [];
  for (let value = Math.ceil(first / step) * step; value <= last; value += step) found.push(value);
  return found.map((value) => svg("text", { class: "tick", x: place(value), y: RATES[1] + 15, "text-anchor": "middle" }, number(value, 2)));
}

function decades(floor) {
  return Array.from({ length: Math.floor(-floor) + 1 }, (_, i) => -i);
}

function superscript(exponent) {
  return "⁻" + [...String(-exponent)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
}

function inWords(curve, answer) {
  const below = curve.operating_points.filter((point) => answer.score >= point.threshold).map((point) => point.name);
  return `The score ${number(answer.score)} on a line. ${below.length ? `It reaches ${below.join(", ")}.` : "It reaches no operating point."} The table below has the numbers.`;
}

function caption(curve, answer) {
  const key = (name, ...text) => el("li", {}, svg("svg", { class: "key", viewBox: "0 0 16 10", "aria-hidden": "true" },
    name === "fnmr" ? svg("rect", { class: "fnmr", x: 4.5, y: 1.5, width: 7, height: 7 })
      : name === "curve" ? svg("path", { class: "curve", d: "M0 5H16" }) : svg("rect", { class: name, width: 16, height: 10 })), " ", ...text);
  const mated = curve.operating_points.every(isMated);
  return el("figcaption", {}, "What is drawn, from the calibration of the method ", el("b", {}, curve.method), curve.stratum ? ` for pairs like this one (${curve.stratum}):` : " over all its pairs:", el("ul", {},
    key("non-mated", "pairs of different people by score, as the curve below has them (heights are relative)"),
    !mated ? el("li", {}, curve.stratum ? "one person’s pairs were measured over all pairs alone: see below" : "of pairs of one person the calibration knows nothing") : key("mated", "pairs of one person between the operating points’ thresholds; how they lie below and above is not in the anchor set, so only their shares stand at the arrows"),
    key("curve", "false-match rate: pairs of different people that score at least so much, with its 95 % interval; dashed where it is extrapolated"),
    !mated ? null : key("fnmr", "pairs of one person that an operating point rejects (FNMR), with its 95 % interval")),
  answer.fmr_at_score !== null ? null : el("p", {}, "No rate is stated for this pair; the curve is that of pairs within the calibration’s limits."));
}

function table(curve, answer) {
  const row = (point) => el("tr", { class: point.name === answer.operating_point ? "asked" : null },
    el("th", { scope: "row" }, point.name),
    el("td", {}, number(point.threshold)),
    el("td", {}, answer.score >= point.threshold ? "reached" : "not reached"),
    el("td", {}, `${oneIn(point.fmr)}${point.fmr_low === null ? "" : ` (${oneIn(Math.max(point.fmr_low, 1e-12))} to ${oneIn(point.fmr_high)})`}`),
    el("td", {}, isMated(point) ? `${percent(point.fnmr)} (${percent(point.fnmr_low)} to ${percent(point.fnmr_high)})` : "not known"),
    el("td", {}, point.quality));
  return el("details", {}, el("summary", {}, "The operating points as a table"), el("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Operating points" },
    el("table", {}, el("thead", {}, el("tr", {}, ["Operating point", "Threshold", "This pair", "Different people that pass", "One person’s pairs rejected", "Its rate is"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, curve.operating_points.map(row)))));
}
