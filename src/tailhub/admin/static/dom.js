// Making and changing elements. Text is only ever set as text: names and programs of clients say what they like.

const SVG = "http://www.w3.org/2000/svg";

// `props`: "class", "text", "on" (event to listener), else attributes; false and null leave one out.
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else if (name === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// The same for a part of a picture; "class" is an attribute there.
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// A button that does one thing, and cannot be pressed again while it does.
export function button(text, run, kind = "") {
  const element = h("button", { type: "button", class: kind, text });
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await run();
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

// A part of the page with a heading.
export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", { text: title }), ...children);
}

// Makes the children of `parent` those of `items`, one each, kept by key from one call to the next, so that what has
// the focus keeps it. While the pointer is on `parent` those that stay keep their places: nobody hits the wrong row.
export function keyed(parent, items, keyOf, make, update) {
  const old = new Map();
  for (const child of [...parent.children]) {
    if (child.dataset.key === undefined) child.remove();
    else old.set(child.dataset.key, child);
  }
  const isHeld = parent.matches(":hover");
  let last = null;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    const isNew = child === undefined;
    old.delete(key);
    if (isNew) {
      child = make(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (isNew && isHeld) parent.append(child);
    else if (!isHeld) {
      const next = last === null ? parent.firstChild : last.nextSibling;
      if (next !== child) parent.insertBefore(child, next);
    }
    last = child;
  }
  for (const child of old.values()) child.remove();
}
