// Dragging with mouse, pen or finger; a press that does not move is a tap.

const SLACK_PIXELS = 5;

/**
 * Follow the pointer from a press on.
 * `makeImage` gives what is carried; `drop(element)` gets what lies under it at the end; `tap()` a press without a move.
 */
export function follow(press, { makeImage, size, drop, tap }) {
  if (press.button !== 0) return;
  const controller = new AbortController();
  const options = { signal: controller.signal };
  let carried = null;

  window.addEventListener("pointermove", move, options);
  window.addEventListener("pointerup", release, options);
  window.addEventListener("pointercancel", end, options);

  function move(event) {
    if (event.pointerId !== press.pointerId) return;
    const distance = Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY);
    if (!carried && distance > SLACK_PIXELS && makeImage) carried = pickUp(makeImage(), size);
    if (carried) place(carried, event);
  }

  function release(event) {
    if (event.pointerId !== press.pointerId) return;
    const wasCarried = carried !== null;
    end();
    if (wasCarried) drop(document.elementFromPoint(event.clientX, event.clientY));
    else tap();
  }

  function end() {
    carried?.remove();
    document.body.classList.remove("dragging");
    controller.abort();
  }
}

function pickUp(image, size) {
  image.className = "carried";
  image.width = image.height = size;
  document.body.append(image);
  document.body.classList.add("dragging");
  return image;
}

function place(image, event) {
  image.style.transform = `translate(${event.clientX - image.width / 2}px, ${event.clientY - image.height / 2}px)`;
}
