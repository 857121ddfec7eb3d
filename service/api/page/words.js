// What the page says of an answer, in words. Numbers and reasons are the service's; only the sentences are made here.

import { number, oneIn } from "./elements.js";

export const VERDICTS = {
  match: ["✓", "Match", "The faces are taken for one person’s."],
  non_match: ["✗", "No match", "The faces are not taken for one person’s."],
  inconclusive: ["?", "Inconclusive", "The score would do for a match, but nothing is vouched for with these pictures."],
  none: ["–", "No decision", "The faces were compared, and nothing was decided."],
};

// What the person can do about a component that is low. After each formula's meaning in service/README.md.
export const ADVICE = {
  illumination_uniformity: "Light both sides of the face alike: turn towards the window or the lamp.",
  luminance_mean: "Make the face neither dark nor bright: change the light or the exposure.",
  luminance_variance: "Avoid flat light and haze: wipe the lens, and let light come a little from one side.",
  under_exposure_prevention: "Bring more light onto the face.",
  over_exposure_prevention: "Take light away from the face: no flash from near by, no sun in the face.",
  dynamic_range: "Send the original picture: few grey levels are left in this one.",
  sharpness: "Hold still, wipe the lens and let the camera focus on the face.",
  natural_colour: "Use white light and send the picture in colour, without filters.",
  single_face_present: "Be alone in the picture, or mark the part with the face.",
  eyes_open: "Open both eyes.",
  mouth_closed: "Close the mouth.",
  inter_eye_distance: "Come nearer, or send the original picture: the face has few pixels.",
  head_size: "For a portrait come nearer or step back.",
  leftward_crop_of_the_face_image: "Leave room at the left of the face.",
  rightward_crop_of_the_face_image: "Leave room at the right of the face.",
  margin_above_of_the_face_image: "Leave room above the head.",
  margin_below_of_the_face_image: "Leave room below the chin.",
  head_pose_yaw: "Look straight into the camera: the head is turned to the side.",
  head_pose_pitch: "Look straight into the camera: the head is raised or lowered.",
  head_pose_roll: "Hold the head upright.",
};

export const QUALITY_POLICIES = {
  decide: "inconclusive in place of a match",
  gate: "refuse them",
  report: "decide all the same",
};

export const LIVENESS_POLICIES = { off: "do not look", report: "look, and tell", require: "required of the probe" };

export function inSentences(answer) {
  const said = [];
  const { decision, threshold, score } = answer;
  if (threshold !== null) {
    const place = score >= threshold ? "is at least" : "is below";
    said.push(`The score ${number(score)} ${place} the threshold ${number(threshold)} of ${answer.operating_point}.`);
  } else {
    said.push(`The score is ${number(score)}.`);
  }
  if (answer.fmr_at_score !== null) {
    const [low, high] = answer.fmr_interval;
    said.push(
      `Of pairs of different people like those calibrated on, ${oneIn(answer.fmr_at_score)} score at least so much ` +
        `(95 % interval: ${oneIn(low)} to ${oneIn(high)}).`,
    );
    if (answer.extrapolated) said.push("That lies beyond what the calibration’s pairs show: it is extrapolated.");
  }
  if (answer.no_decision_reason) said.push(`${capital(answer.no_decision_reason)}.`.replace("..", "."));
  if (answer.fmr_at_score === null && decision !== null) said.push("No rate is stated for this pair.");
  return said;
}

export function evidence(answer) {
  const rows = [
    ["Score", number(answer.score), `by the method ${answer.method}; higher is more alike, no probability`],
    ["Similarity", number(answer.similarity), "the plain cosine, from −1 to 1"],
  ];
  if (typeof answer.evidence === "number") {
    rows.push(["Evidence", number(answer.evidence, 3), "−log10 of the rate above: 4 means 1 in 10,000"]);
  }
  const cosine = answer.cosine;
  if (cosine.fmr_at_score !== null) {
    rows.push(["By cosine alone", cosine.decision ? verdictWord(cosine.decision) : "–", `${oneIn(cosine.fmr_at_score)} of different people’s pairs`]);
  }
  if (answer.crowding) {
    for (const side of ["probe", "reference"]) {
      rows.push([`Crowding of the ${side}`, number(answer.crowding[side], 3), "how many strangers look like it, as a cosine; higher is more"]);
    }
  }
  return rows;
}

export function verdictWord(decision) {
  return VERDICTS[decision ?? "none"][1];
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
