// Runs before anything is drawn, so that the page does not flash in another colour scheme than the chosen one.
"use strict";
try {
  const theme = localStorage.getItem("tailhub.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the system's scheme then.
}
