
// Keys of the clip browser: space plays, arrows move by half a second, wherever in the browser the focus is.
document.getElementById("igsed-clip-sound").parentElement.addEventListener("keydown", (event) => {
  const sound = document.getElementById("igsed-clip-sound");
  const [target] = event.composedPath();
  if (!sound.hasAttribute("src") || ["SELECT", "INPUT", "BUTTON", "AUDIO"].includes(target.tagName)) return;
  const step = { ArrowLeft: -0.5, ArrowRight: 0.5 }[event.key];
  if (step) sound.currentTime = Math.max(sound.currentTime + step, 0);
  else if (event.key === " ") sound.paused ? sound.play() : sound.pause();
  else return;
  event.preventDefault();
});
