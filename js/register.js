// Extensions of the page, each once.

import { app } from "../../scripts/app.js";

/** Registers an extension, unless a second copy of the pack, in a folder of another name, has. */
export function register(extension) {
  if (!app.extensions.some(({ name }) => name === extension.name)) app.registerExtension(extension);
}
