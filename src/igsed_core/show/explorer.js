// The body of Bokeh's CustomJS for the threshold explorer: mask, mean IoU and F1 follow the slider.
// Its arguments are models: data, shown, curve, point, level, method, rule, instance, threshold, readout, axis; and
// the numbers n_instances and n_frames.

const memory = (window.igsedExplorer ??= { sorted: {}, plain: {} });
// Percentiles look at ranks, for which a detector's logits are exact where its probabilities saturate.
const ranked = `${method.value}:rank`;
const column = rule.value === "percentile" && ranked in data.data ? ranked : method.value;
// Plain arrays: slices of Bokeh's own keep the length of the whole.
const plain = (name) => (memory.plain[name] ??= Float64Array.from(data.data[name]));
const scores = plain(column);
const truth = plain("truth");
const rows = [...Array(n_instances).keys()];

// Scores of each clip in ascending order, sorted once.
const sorted = (memory.sorted[column] ??= rows.map((i) =>
  Float64Array.from(scores.subarray(i * n_frames, (i + 1) * n_frames)).sort(),
));

// As numpy.percentile: linear between order statistics, from the nearer end.
function percentile(ordered, tau) {
  const place = (tau / 100) * (ordered.length - 1);
  const low = Math.floor(place);
  const [a, b, t] = [ordered[low], ordered[Math.min(low + 1, ordered.length - 1)], place - low];
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

function levelOf(i, tau) {
  if (rule.value === "percentile") return percentile(sorted[i], tau);
  const highest = sorted[i][n_frames - 1];
  return highest > 0 ? (tau / 100) * highest : Infinity;
}

function means(tau) {
  let [iou, f1] = [0, 0];
  for (const i of rows) {
    const bound = levelOf(i, tau);
    let [both, marked, active] = [0, 0, 0];
    for (let k = i * n_frames; k < (i + 1) * n_frames; k++) {
      const found = scores[k] > bound;
      marked += found;
      active += truth[k];
      both += found && truth[k];
    }
    const either = marked + active - both;
    iou += either ? both / either : 1;
    f1 += marked + active ? (2 * both) / (marked + active) : 1;
  }
  return [iou / n_instances, f1 / n_instances];
}

// Bokeh gives the slider's handle no name of its own; it lies in nested shadow roots.
function handles(root) {
  const inner = [...root.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? handles(e.shadowRoot) : []));
  return [...root.querySelectorAll(".noUi-handle"), ...inner];
}
for (const handle of handles(document)) handle.setAttribute("aria-label", "threshold in percent");

const key = `${method.value} ${rule.value}`;
if (memory.key !== key) {
  memory.key = key;
  const taus = [...Array(100).keys()];
  const at = taus.map(means);
  curve.data = { tau: taus, iou: at.map((m) => m[0]), f1: at.map((m) => m[1]) };
}

const tau = threshold.value;
const [iou, f1] = means(tau);
const i = Number(instance.value);
const bound = levelOf(i, tau);
const mine = Array.from(scores.subarray(i * n_frames, (i + 1) * n_frames));
const highest = Math.max(...mine.map(Math.abs)) || 1;
shown.data = {
  left: shown.data.left,
  right: shown.data.right,
  score: mine.map((s) => s / highest),
  active: mine.map((_, k) => (truth[i * n_frames + k] ? 1.85 : 1)),
  marked: mine.map((s) => (s > bound ? 0.85 : 0)),
};
level.location = Number.isFinite(bound) ? bound / highest : 2;
point.data = { tau: [tau, tau], value: [iou, f1] };
axis.axis_label = rule.value === "percentile" ? "percentile of the clip" : "share of the clip's maximum (%)";
readout.text =
  `<b>Mean over all ${n_instances} instances:</b> IoU <b>${iou.toFixed(3)}</b>, ` + `F1 <b>${f1.toFixed(3)}</b>`;
