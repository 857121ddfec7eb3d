// A photograph by the camera: in a dialog where the browser gives one to this page, else by the phone's own camera program.

import { el } from "./elements.js";

export async function photograph(name, onFile) {
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
  } catch {
    // No camera, not allowed, or a page that did not come by HTTPS: a phone opens its camera by itself.
    const input = el("input", { type: "file", accept: "image/*", capture: "user", onchange: () => input.files[0] && onFile(input.files[0]) });
    input.click();
    return;
  }
  const video = el("video", { onloadedmetadata: () => { button.disabled = false; button.focus(); }, autoplay: true, muted: true, playsinline: true, "aria-label": "What the camera sees" });
  video.srcObject = stream;
  const end = () => {
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  };
  const take = async () => {
    const canvas = el("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    dialog.close();
    onFile(new File([blob], `${name}.png`, { type: "image/png" }));
  };
  const button = el("button", { type: "button", class: "primary", onclick: take, disabled: true }, "Take the picture");
  const dialog = el("dialog", { "aria-label": `Photograph the ${name}`, onclose: end }, video,
    el("p", { class: "buttons" },
      button,
      el("button", { type: "button", onclick: () => dialog.close() }, "Cancel")));
  document.body.append(dialog);
  dialog.showModal();
}
