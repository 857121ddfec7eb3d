// An answer of /verify, or a problem, as people read it.

import { scoreChart } from "./chart.js";
import { el, number, spaced } from "./elements.js";
import { ADVICE, VERDICTS, capital, evidence, inSentences } from "./words.js";

// Below the middle of its scale a component is worth a word; none of them decides anything.
const WORTH_A_WORD = 50;
const SIDES = ["probe", "reference"];

export function answerView(answer, { inputs, own, pooled, population, command }) {
  const kind = answer.decision ?? "none";
  const [sign, title, meaning] = VERDICTS[kind];
  return el("section", { class: "answer", "aria-labelledby": "verdict" },
    el("div", { class: `verdict ${kind}` },
      el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el("div", {}, el("h2", { id: "verdict" }, title), el("p", { class: "meaning" }, meaning))),
    el("p", { class: "sentences" }, inSentences(answer).join(" ")),
    reasons(answer.reasons),
    el("div", { class: "pair" }, SIDES.map((side) => faceView(side, answer, inputs[side]))),
    el("section", {}, el("h3", {}, "The score on a line"),
      own ? scoreChart(own, pooled, answer) : el("p", {}, `For the method ${answer.method} there is no curve here to draw it on: nothing is calibrated that holds for this pair, or your key may not read it (scope info).`),
      own && own !== pooled ? el("details", {}, el("summary", {}, "The same among all pairs of the calibration"), scoreChart(pooled, pooled, answer)) : null,
      own && population ? el("p", { class: "hint" }, `Calibrated on: ${population}. On other people and pictures the rates are others.`) : null),
    el("section", {}, el("h3", {}, "Evidence"),
      el("dl", { class: "rows" }, evidence(answer).map(([name, value, note]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("b", {}, value), " ", el("span", { class: "hint" }, note)))))),
    el("section", {}, el("h3", {}, "Time"), timings(answer.timings_ms)),
    el("details", {}, el("summary", {}, "The command line that asks the same"), copied(command, "command")),
    el("details", {}, el("summary", {}, "The answer as JSON"), copied(JSON.stringify(answer, null, 2), "answer")),
  );
}

export function problemView(problem, command) {
  const where = SIDES.includes(problem.image) ? ` (${problem.image})` : "";
  return el("section", { class: "answer", "aria-labelledby": "verdict" },
    el("div", { class: "verdict problem" },
      el("span", { class: "sign", "aria-hidden": "true" }, "!"),
      el("div", {}, el("h2", { id: "verdict" }, `Not compared${where}`), el("p", { class: "meaning" }, problem.detail))),
    reasons(problem.reasons ?? []),
    el("p", { class: "hint" }, "No face, or a picture that cannot be used, is an error and never a non-match. Code: ", el("code", {}, problem.code), "."),
    command ? el("details", {}, el("summary", {}, "The command line that asks the same"), copied(command, "command")) : null,
    el("details", {}, el("summary", {}, "The answer as JSON"), copied(JSON.stringify(problem, null, 2), "answer")));
}

function reasons(found) {
  if (!found.length) return null;
  return el("div", { class: "notice" }, el("h3", {}, "What to do"), el("ul", {}, found.map((reason) => el("li", {}, `${capital(reason.image)}: ${reason.advice} `, el("code", {}, reason.code)))));
}

function faceView(side, answer, input) {
  const face = answer.faces[side];
  const parts = [el("h3", {}, `The ${side}’s face`)];
  if (!face) return el("section", { class: "side" }, parts);
  const crop = input.crop(face);
  if (crop) parts.push(el("figure", { class: "crop-figure" }, crop, el("figcaption", { class: "hint" }, "The aligned face, as your browser cuts it by the five points that the service found.")));
  if (face.faces_found > 1) {
    parts.push(el("p", { class: "notice" }, `${face.faces_found} faces were found; the framed one was compared. To compare another, “Mark a face” around it and compare again.`));
  }
  const facts = [`detector’s score ${number(face.detection_score, 3)}`];
  if (face.rotated_by) facts.push(`found with the picture turned by ${face.rotated_by}° clockwise`);
  if (face.cut_off > 0) facts.push(`${Math.round(100 * face.cut_off)} % of the face lies outside the picture`);
  if (face.liveness) facts.push(`liveness: ${face.liveness.verdict}`);
  parts.push(el("p", {}, `${capital(facts.join("; "))}.`), quality(side, face, answer.quality_check[side]));
  return el("section", { class: "side" }, parts);
}

function quality(side, face, checked) {
  const { unified, components } = face.quality;
  const measured = Object.entries(components).filter(([, score]) => score !== null).sort(([, a], [, b]) => a - b);
  // The size of the head is a fault of portraits alone: it stands among all components.
  const low = measured.filter(([name, score]) => score < WORTH_A_WORD && name !== "head_size");
  const beyond = Object.entries(checked).filter(([, measure]) => measure.within === false);
  return [
    el("p", {}, "Quality in all: ", unified === null ? "not known, " : el("b", {}, `${number(unified, 3)} of 100`), unified === null ? "the anchor set does not say how its people’s pictures were." : "; 75 is a median picture of the calibration’s people."),
    beyond.length ? el("p", { class: "notice" }, `Beyond the limits of the calibrated people: ${beyond.map(([name, { value, limit }]) => `${spaced(name)} ${number(value, 3)} (limit ${number(limit, 3)})`).join(", ")}.`) : null,
    low.length ? el("ul", { class: "advice" }, low.map(([name, score]) => el("li", {}, el("b", {}, `${capital(spaced(name))} ${Math.round(score)}: `), ADVICE[name] ?? "See service/README.md."))) : el("p", {}, "Nothing to do: every component but that of the head’s size is in the upper half of its scale."),
    el("details", {}, el("summary", {}, `All components of the ${side}`), el("dl", { class: "components" }, measured.map(([name, score]) => el("div", {},
      el("dt", {}, spaced(name)), el("dd", {}, el("meter", { min: 0, max: 100, low: 25, high: WORTH_A_WORD, optimum: 100, value: score, "aria-label": `${spaced(name)} of the ${side}` }), ` ${Math.round(score)}`))))),
  ];
}

function timings(stages) {
  const { total, ...each } = stages;
  return el("p", {}, Object.entries(each).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(", "), ": ", el("b", {}, `${total.toFixed(1)} ms`), " of work on both pictures, without the way there and back.");
}

function copied(text, name) {
  const shown = el("pre", { tabindex: 0, role: "region", "aria-label": `The ${name}`, class: name }, text);
  const said = el("span", { role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(shown);
      said.textContent = "Selected: copy it with Ctrl+C.";
    }
  };
  return el("div", {}, shown, el("p", { class: "buttons" }, el("button", { type: "button", onclick: copy }, `Copy the ${name}`), said));
}
