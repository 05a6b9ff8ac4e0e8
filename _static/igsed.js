// What the book's own pages need beyond their libraries: one cursor through sound and picture, figures that open large.

const figuresOf = () => [...document.querySelectorAll("article .cell_output img, article figure img")];

// A player that names the time axis of a figure moves a cursor over the picture right before it.
function follow(player) {
  const pictures = figuresOf().filter(
    (img) => img.compareDocumentPosition(player) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const picture = pictures.at(-1);
  const sounds = [...player.querySelectorAll("audio")];
  let current = sounds[0];
  for (const sound of sounds) {
    sound.addEventListener("play", () => {
      for (const other of sounds.filter((o) => o !== sound)) other.pause();
      if (current !== sound) sound.currentTime = current.currentTime;
      current = sound;
    });
  }
  if (!picture || !player.dataset.left) return;
  const [left, right, start, end] = ["left", "right", "start", "end"].map((name) => Number(player.dataset[name]));
  const stage = document.createElement("span");
  stage.className = "igsed-stage";
  picture.replaceWith(stage);
  const cursor = document.createElement("span");
  cursor.className = "igsed-cursor";
  stage.append(picture, cursor);
  stage.tabIndex = 0;
  stage.setAttribute("role", "slider");
  stage.setAttribute("aria-label", `Position in ${player.dataset.title}: space plays, arrows move by half a second`);
  stage.setAttribute("aria-valuemin", start);
  stage.setAttribute("aria-valuemax", end);

  function draw() {
    const share = (current.currentTime - start) / (end - start);
    cursor.style.left = `${100 * (left + share * (right - left))}%`;
    stage.setAttribute("aria-valuenow", current.currentTime.toFixed(1));
    if (!current.paused) requestAnimationFrame(draw);
  }
  function seek(seconds) {
    current.currentTime = Math.min(Math.max(seconds, start), end);
    draw();
  }
  for (const sound of sounds) for (const event of ["play", "seeked", "timeupdate"]) sound.addEventListener(event, draw);
  stage.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width - left) / (right - left);
    seek(start + share * (end - start));
  });
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.5, ArrowRight: 0.5 }[event.key];
    if (step) seek(current.currentTime + step);
    else if (event.key === " ") current.paused ? current.play() : current.pause();
    else return;
    event.preventDefault();
  });
  draw();
}

// A figure opens at its full size by a tap on it or by its button; a click, a tap or Escape closes it. Where a click in a
// figure means something else (a cursor to be moved), only the button opens it.
function enlarge(picture) {
  const opener = document.createElement("button");
  opener.type = "button";
  opener.className = "igsed-enlarge";
  opener.textContent = "enlarge";
  opener.setAttribute("aria-label", "Enlarge the figure");
  const place = picture.closest("figure") ?? picture.closest(".output") ?? picture.parentElement;
  place.append(opener);
  // On a phone a figure is wider than the screen, for its letters to be read, and scrolls in a frame of its own.
  const shown = picture.closest(".igsed-stage") ?? picture;
  const frame = document.createElement("span");
  frame.className = "igsed-figure-frame";
  shown.replaceWith(frame);
  frame.append(shown);
  const more = () => {
    frame.classList.toggle("igsed-more", frame.scrollLeft + frame.clientWidth < frame.scrollWidth - 2);
  };
  frame.addEventListener("scroll", more, { passive: true });
  new ResizeObserver(more).observe(shown);
  if (!picture.closest(".igsed-stage, a")) {
    picture.classList.add("igsed-opens");
    picture.addEventListener("click", () => opener.click());
  }
  opener.addEventListener("click", () => {
    const dialog = document.createElement("dialog");
    dialog.className = "igsed-large";
    dialog.setAttribute("aria-label", "Figure");
    const large = picture.cloneNode();
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "close";
    dialog.append(close, large);
    document.body.append(dialog);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
  });
}

// What scrolls sideways in its box can be reached by the keyboard.
function reachable(box) {
  if (box.scrollWidth <= box.clientWidth + 1) return;
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  const name = box.querySelector("caption")?.textContent ?? (box.querySelector("img") ? "Figure" : "Wide content");
  box.setAttribute("aria-label", `${name}: scrolls sideways`);
}

// A word of the glossary says its meaning while the pointer or the keyboard rests on it; Escape hides it.
function explain(link) {
  const meaning = window.igsedTerms?.[link.hash.slice(1)];
  if (!meaning) return;
  let note;
  function hide() {
    note?.remove();
    note = undefined;
    link.removeAttribute("aria-describedby");
  }
  function show() {
    if (note) return;
    note = document.createElement("span");
    note.className = "igsed-meaning";
    note.id = `meaning-${link.hash.slice(1)}`;
    note.setAttribute("role", "tooltip");
    note.textContent = meaning;
    link.after(note);
    link.setAttribute("aria-describedby", note.id);
    const at = link.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    note.style.left = `${Math.max(8, Math.min(at.left, width - note.offsetWidth - 8))}px`;
    note.style.top = `${at.bottom + note.offsetHeight > window.innerHeight ? at.top - note.offsetHeight : at.bottom}px`;
  }
  for (const event of ["pointerenter", "focus"]) link.addEventListener(event, show);
  for (const event of ["pointerleave", "blur"]) link.addEventListener(event, hide);
  link.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  window.addEventListener("scroll", hide, { passive: true });
}

// Paper shows every row of a table, not only those of the page that is open on the screen.
async function printWhole() {
  const library = await window.igsedTables;
  if (!library) return;
  const { Api, tables } = library.default;
  const lengths = new Map();
  window.addEventListener("beforeprint", () => {
    for (const table of tables().filter((one) => one.classList.contains("igsed-table"))) {
      const rows = new Api(table);
      lengths.set(rows, rows.page.len());
      rows.page.len(-1).draw(false);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const [rows, length] of lengths) rows.page.len(length).draw(false);
    lengths.clear();
  });
}

document.addEventListener("DOMContentLoaded", () => {
  printWhole();
  document.querySelectorAll("a:has(> .igsed-term)").forEach(explain);
  document.querySelectorAll("figure.igsed-player").forEach(follow);
  figuresOf().forEach(enlarge);
  // Sphinx gives the entries of its list a role that ARIA has given up, which a list may not hold.
  document.querySelectorAll(".citation-list > .citation").forEach((entry) => entry.setAttribute("role", "listitem"));
  const wide =
    ".igsed-figure-frame, .igsed-table-frame, .pst-scrollable-table-container, div.math, div.highlight pre, .cell_output .output.text_html";
  const reach = () => document.querySelectorAll(wide).forEach(reachable);
  reach();
  window.addEventListener("load", reach); // once pictures have a size
  window.addEventListener("resize", reach); // a phone that is turned
});
