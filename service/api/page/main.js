// The page: two pictures in, one request to /verify out, its answer shown. Nothing is stored, here or there.

import { address, ask, key } from "./access.js";
import { answerView, problemView } from "./answer.js";
import { el } from "./elements.js";
import { PictureInput } from "./picture.js";
import { LIVENESS_POLICIES, QUALITY_POLICIES, verdictWord } from "./words.js";

const find = (id) => document.getElementById(id);
const [form, button, status, place] = ["form", "compare", "status", "answer"].map(find);
let info = null;

function changed(input) {
  place.replaceChildren();
  status.textContent = `${input.name}: ${input.part ? "a part is sent" : "ready"}.`;
}

const inputs = Object.fromEntries(["probe", "reference"].map((name) => [name, new PictureInput(find(name), name, changed)]));

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
}

// Without what is served, by a key that may not ask for it, the service's own method and operating point hold.
async function begin() {
  const response = await ask("info");
  find("options").hidden = !response.ok;
  if (!response.ok) {
    info = null;
    const { code, detail } = await response.json();
    status.textContent = code === "scope_missing" ? "This key compares, and may not ask what is served: nothing can be chosen, and no curve is drawn." : detail;
    if (response.status === 401) find("key").focus();
    return;
  }
  status.textContent = "";
  info = await response.json();
  fill(find("method"), info.methods.map((name) => [name, name === info.default_method ? `${name} (the default)` : name]), info.default_method);
  const { quality_policy: policy } = info.limits;
  fill(find("quality-policy"), Object.entries(QUALITY_POLICIES), policy);
  find("liveness-field").hidden = info.liveness.liveness_id === null;
  fill(find("liveness-policy"), Object.entries(LIVENESS_POLICIES), info.liveness.policy);
  offerPoints();
  const set = info.anchor_set ? `anchor set ${info.anchor_set.id} of ${info.anchor_set.count.toLocaleString("en")} faces` : "no anchor set";
  find("served").textContent = `ida-verify ${info.service.version}, ${info.model.pack}, ${set}.`;
}

function offerPoints() {
  const of = info.calibration?.methods.find((found) => found.method === find("method").value && found.input_form === "photo");
  const points = of?.operating_points ?? [];
  const names = points.map((point) => point.name);
  fill(find("operating-point"), points.length ? points.map((point) => [point.name, `${point.name} (${point.quality})`]) : [["", "no decision"]],
    names.includes(info.operating_point) ? info.operating_point : names.at(0));
}

function options() {
  if (!info) return [];
  const asked = { operating_point: find("operating-point").value, method: find("method").value, quality_policy: find("quality-policy").value };
  if (!find("liveness-field").hidden) asked.liveness_policy = find("liveness-policy").value;
  return Object.entries(asked).filter(([, value]) => value !== "");
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function commandLine(sent) {
  const files = Object.entries(sent).map(([name, file]) => `-F ${quoted(`${name}=@${file.name}`)}`);
  const fields = options().map(([name, value]) => `-F ${name}=${quoted(value)}`);
  const caller = key() ? ['-H "Authorization: Bearer $IDA_API_KEY"'] : [];
  return ["curl", ...caller, ...files, ...fields, address("verify").href].join(" ");
}

async function compare() {
  const missing = Object.values(inputs).find((input) => !input.file);
  if (missing) {
    status.textContent = `Put in a picture of the ${missing.name} first.`;
    missing.input.focus();
    return;
  }
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  status.textContent = "Comparing …";
  place.replaceChildren();
  try {
    const sent = Object.fromEntries(await Promise.all(Object.entries(inputs).map(async ([name, input]) => [name, await input.sent()])));
    const body = new FormData();
    for (const [name, file] of Object.entries(sent)) body.append(name, file, file.name);
    for (const [name, value] of options()) body.append(name, value);
    const response = await ask("verify", { method: "POST", body });
    const answer = await response.json();
    const command = commandLine(sent);
    if (response.ok) await show(answer, command);
    else place.replaceChildren(problemView(answer, command));
    status.textContent = response.ok ? `${verdictWord(answer.decision)}.` : "Not compared.";
    place.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  } catch (error) {
    status.textContent = "No answer.";
    place.replaceChildren(problemView({ code: "no_answer", detail: `The service did not answer (${error.message}). Is it still running?`, image: null }, null));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

async function show(answer, command) {
  const found = info && (await ask(`info/curves?method=${encodeURIComponent(answer.method)}`));
  const { anchor_set: set, curves } = found?.ok ? await found.json() : { curves: [] };
  // The set may have been swapped between the two answers: a curve of another one says nothing of this score.
  const isSame = set?.id === answer.anchor_set?.id;
  const drawn = isSame ? curves.filter((found) => found.input_form === "photo") : [];
  const pooled = drawn.find((found) => found.stratum === null);
  const own = drawn.find((found) => found.stratum === (answer.population?.stratum ?? null));
  for (const [name, input] of Object.entries(inputs)) if (answer.faces[name]) input.showFace(answer.faces[name]);
  place.replaceChildren(answerView(answer, { inputs, own, pooled, population: info?.calibration?.population, command }));
}

// Where a dropped or pasted picture goes: two fill both sides, one the side it was meant for, or the first that is empty.
function put(files, meant) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name));
  const sides = Object.values(inputs);
  if (pictures.length >= 2) sides.forEach((input, i) => input.take(pictures[i]));
  else if (pictures.length === 1) (meant ?? sides.find((input) => !input.file) ?? sides[0]).take(pictures[0]);
}

const sideOf = (element) => inputs[element?.closest?.(".side")?.id];

form.addEventListener("submit", (event) => { event.preventDefault(); compare(); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.querySelectorAll(".over").forEach((side) => side.classList.remove("over"));
  put(event.dataTransfer.files, sideOf(event.target));
});
document.addEventListener("paste", (event) => put(event.clipboardData.files, sideOf(document.activeElement)));
const start = () => begin().catch((error) => { status.textContent = `What is served cannot be read: ${error.message}.`; });
find("method").addEventListener("change", offerPoints);
find("key").addEventListener("change", start);
start();
