// The endpoints of the OpenAPI document, with the examples of what they take and answer.

import { el } from "./elements.js";

function examples(title, content) {
  return Object.entries(content ?? {}).flatMap(([type, { examples: shown }]) => Object.entries(shown ?? {}).map(([name, { value }]) =>
    el("details", {}, el("summary", {}, `${title}: ${name} (${type})`), el("pre", { tabindex: 0 }, JSON.stringify(value, null, 2)))));
}

function endpoint(path, verb, operation) {
  return el("section", {}, el("h2", {}, el("code", {}, `${verb.toUpperCase()} ${path}`), ` ${operation.summary ?? ""}`),
    el("p", {}, operation.description ?? ""),
    (operation.parameters ?? []).map((parameter) => el("p", {}, el("code", {}, parameter.name), ` (${parameter.in}): ${parameter.description ?? ""}`)),
    examples("Send", operation.requestBody?.content),
    Object.entries(operation.responses).flatMap(([status, response]) => examples(`${status}`, response.content)));
}

const description = await (await fetch("openapi.json")).json();
const operations = Object.entries(description.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, operation]) => endpoint(path, verb, operation)));
document.getElementById("endpoints").append(el("div", { class: "answer" }, operations));
