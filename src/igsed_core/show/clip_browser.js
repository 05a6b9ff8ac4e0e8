// The body of Bokeh's CustomJS for the clip browser: shows the chosen instance and makes its sound ready.
// Its arguments are models: dots, data, shown, image, chosen, said, cursors; and n_frames, frame_length, methods, names.

const i = Number(chosen.value);
const sound = document.getElementById("igsed-clip-sound");
const of = (column) => dots.data[column][i];
const part = (column) => Array.from(data.data[column]).slice(i * n_frames, (i + 1) * n_frames);

const left = [...Array(n_frames).keys()].map((k) => k * frame_length);
shown.data = {
  left,
  right: left.map((t) => t + frame_length),
  truth: part("truth").map((active) => 1.05 * active),
  ...Object.fromEntries(methods.map((name) => [name, part(name)])),
};
image.data = { url: of("picture") ? [of("picture")] : [] };
if (dots.selected.indices[0] !== i) dots.selected.indices = [i];
said.text =
  `<b>${of("class")}</b> in ${of("clip")}: IoU of ${names[0]} <b>${of("up").toFixed(2)}</b>, ` +
  `of ${names[1]} <b>${of("across").toFixed(2)}</b>` +
  (of("sound") ? "" : ". The sound of this clip is not in the book.");

function move() {
  for (const cursor of cursors) cursor.location = sound.currentTime;
  if (!sound.paused) requestAnimationFrame(move);
}
if (!sound.onplay) {
  for (const event of ["onplay", "onseeked", "ontimeupdate"]) sound[event] = move;
}
if (sound.getAttribute("src") !== of("sound")) {
  if (of("sound")) sound.src = of("sound");
  else sound.removeAttribute("src");
  sound.load();
  for (const cursor of cursors) cursor.location = 0;
}
sound.hidden = !of("sound");
