// One side of the pair: a picture that is chosen, dropped, pasted or taken, the part of it that is sent, and the face in it.

import { photograph } from "./camera.js";
import { el, svg } from "./elements.js";

const CROP = 112;
// Where ArcFace's template has the five points of a crop; as service/faces/align.py.
const TEMPLATE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];
// A larger part is sent as JPEG: as PNG it would pass the service's limit.
const MOST_PNG_PIXELS = 2_000_000;

export class PictureInput {
  constructor(section, name, onChange) {
    this.name = name;
    this.onChange = onChange;
    this.file = null;
    this.part = null; // {left, top, right, bottom}, in pixels of the picture; null for all of it
    this.section = section;
    this.input = el("input", {
      type: "file", accept: "image/*,.heic,.heif", id: `${name}-file`, class: "visually-hidden",
      onchange: () => this.input.files[0] && this.take(this.input.files[0]),
      // Else the Enter key would send the form, as from a field of text.
      onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.input.click(); } },
    });
    this.image = el("img", { alt: "", hidden: true, draggable: "false" });
    this.overlay = svg("svg", { class: "overlay", "aria-hidden": "true" });
    this.note = el("p", { class: "note", id: `${name}-note` }, "Drop a picture here, or paste one.");
    this.stage = el("div", { class: "stage" }, el("div", { class: "frame" }, this.image, this.overlay), this.note);
    this.sliders = el("fieldset", { class: "sliders", hidden: true }, el("legend", {}, "The part that is sent"));
    this.marking = el("button", { type: "button", hidden: true, "aria-expanded": "false", onclick: () => this.toggleMarking() }, "Mark a face");
    this.section.append(
      this.stage,
      el("p", { class: "buttons" },
        this.input,
        el("label", { for: this.input.id, class: "button" }, "Choose a file", el("span", { class: "visually-hidden" }, ` for the ${name}`)),
        el("button", { type: "button", onclick: () => photograph(name, (file) => this.take(file)) }, "Photograph",
          el("span", { class: "visually-hidden" }, ` the ${name}`)),
        this.marking),
      this.sliders,
    );
    this.image.addEventListener("load", () => this.shown());
    this.image.addEventListener("error", () => this.cannotBeShown());
    section.addEventListener("dragover", (event) => { event.preventDefault(); section.classList.add("over"); });
    section.addEventListener("dragleave", () => section.classList.remove("over"));
    this.dragRectangle();
  }

  take(file) {
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.file = file;
    this.part = null;
    this.isShown = false;
    this.sliders.hidden = true;
    this.marking.hidden = true;
    this.marking.setAttribute("aria-expanded", "false");
    this.overlay.replaceChildren();
    this.image.hidden = true;
    this.image.alt = `The picture of the ${this.name}: ${file.name}`;
    this.image.src = URL.createObjectURL(file);
    this.note.textContent = `${file.name}, ${Math.ceil(file.size / 1024).toLocaleString("en")} KiB`;
    this.onChange(this);
  }

  shown() {
    this.isShown = true;
    this.image.hidden = false;
    this.marking.hidden = false;
    this.overlay.setAttribute("viewBox", `0 0 ${this.image.naturalWidth} ${this.image.naturalHeight}`);
  }

  cannotBeShown() {
    this.note.textContent = `${this.file.name}: this browser cannot show it. It is sent all the same; the service may be able to read it.`;
  }

  get whole() {
    return { left: 0, top: 0, right: this.image.naturalWidth, bottom: this.image.naturalHeight };
  }

  toggleMarking() {
    const opens = this.sliders.hidden;
    this.sliders.hidden = !opens;
    this.marking.setAttribute("aria-expanded", String(opens));
    if (!opens) return;
    const { right, bottom } = this.whole;
    const slider = (edge, most) => el("label", {}, `${edge} `, el("input", {
      type: "range", min: 0, max: most, value: (this.part ?? this.whole)[edge], step: Math.max(1, Math.round(most / 100)), "data-edge": edge,
      oninput: () => this.mark(Object.fromEntries([...this.sliders.querySelectorAll("input")].map((input) => [input.dataset.edge, Number(input.value)]))),
    }));
    this.sliders.replaceChildren(
      el("legend", {}, "The part that is sent"),
      el("p", { class: "hint" }, "Draw a rectangle on the picture, or move its edges here. Leave room around the face."),
      slider("left", right), slider("top", bottom), slider("right", right), slider("bottom", bottom),
      el("button", { type: "button", onclick: () => { this.mark(null); this.toggleMarking(); } }, "The whole picture"),
    );
    this.sliders.querySelector("input").focus();
  }

  mark(part) {
    const isPart = part && part.right - part.left >= 16 && part.bottom - part.top >= 16;
    this.part = isPart && (part.left > 0 || part.top > 0 || part.right < this.whole.right || part.bottom < this.whole.bottom) ? part : null;
    this.overlay.replaceChildren();
    if (this.part) {
      const { left, top, right, bottom } = this.part;
      const { right: width, bottom: height } = this.whole;
      this.overlay.append(svg("path", { class: "shade", d: `M0 0H${width}V${height}H0ZM${left} ${top}V${bottom}H${right}V${top}Z` }));
    }
    this.onChange(this);
  }

  dragRectangle() {
    let start = null;
    const place = (event) => {
      const box = this.image.getBoundingClientRect();
      const { right, bottom } = this.whole;
      const within = (value, most) => Math.round(Math.min(Math.max(value, 0), 1) * most);
      return [within((event.clientX - box.left) / box.width, right), within((event.clientY - box.top) / box.height, bottom)];
    };
    this.stage.addEventListener("pointerdown", (event) => {
      if (this.sliders.hidden || !this.isShown) return;
      start = place(event);
      this.stage.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = place(event);
      const part = { left: Math.min(x, start[0]), top: Math.min(y, start[1]), right: Math.max(x, start[0]), bottom: Math.max(y, start[1]) };
      this.mark(part);
      for (const input of this.sliders.querySelectorAll("input")) input.value = part[input.dataset.edge];
    });
    this.stage.addEventListener("pointerup", () => { start = null; });
    this.stage.addEventListener("pointercancel", () => { start = null; });
  }

  // What is sent: the file as it is, or the marked part of it.
  async sent() {
    if (!this.part) return this.file;
    const { left, top, right, bottom } = this.part;
    const canvas = el("canvas", { width: right - left, height: bottom - top });
    canvas.getContext("2d").drawImage(this.image, -left, -top);
    const kind = canvas.width * canvas.height <= MOST_PNG_PIXELS ? "png" : "jpeg";
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, `image/${kind}`, 0.95));
    return new File([blob], `${this.file.name.replace(/\.\w+$/, "")}-part.${kind}`, { type: blob.type });
  }

  // Draw the box and the points of the face that was compared.
  showFace(face) {
    if (!this.isShown) return;
    const [x, y] = this.part ? [this.part.left, this.part.top] : [0, 0];
    const { left, top, right, bottom } = face.box;
    const width = Math.max(this.whole.right, this.whole.bottom) / 160;
    this.overlay.querySelectorAll(".face").forEach((old) => old.remove());
    this.overlay.append(svg("g", { class: "face", transform: `translate(${x} ${y})` },
      svg("rect", { class: "halo", x: left, y: top, width: right - left, height: bottom - top, "stroke-width": 2 * width }),
      svg("rect", { class: "box", x: left, y: top, width: right - left, height: bottom - top, "stroke-width": width }),
      face.landmarks.map(([px, py]) => svg("circle", { class: "point", cx: px, cy: py, r: width * 1.3, "stroke-width": width / 2 }))));
  }

  // The aligned crop, cut by this browser by the same points and template as the service's.
  crop(face) {
    if (!this.isShown || face.landmarks.length !== TEMPLATE.length) return null;
    const [x, y] = this.part ? [this.part.left, this.part.top] : [0, 0];
    const points = face.landmarks.map(([px, py]) => [px + x, py + y]);
    const [a, b, shiftX, shiftY] = similarity(points, TEMPLATE);
    const canvas = el("canvas", { width: CROP, height: CROP, class: "crop", role: "img", "aria-label": `The aligned face of the ${this.name}` });
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.setTransform(a, b, -b, a, shiftX, shiftY);
    context.drawImage(this.image, 0, 0);
    return canvas;
  }
}

// The similarity w = (a + ib) z + shift that brings points nearest to others in the least squares.
function similarity(from, to) {
  const mean = (points, axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [fx, fy, tx, ty] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
  let [a, b, spread] = [0, 0, 0];
  from.forEach(([x, y], i) => {
    const [zx, zy, wx, wy] = [x - fx, y - fy, to[i][0] - tx, to[i][1] - ty];
    a += zx * wx + zy * wy;
    b += zx * wy - zy * wx;
    spread += zx * zx + zy * zy;
  });
  [a, b] = [a / spread, b / spread];
  return [a, b, tx - a * fx + b * fy, ty - b * fx - a * fy];
}
