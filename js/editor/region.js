// The region brushed in ComfyUI's mask editor, as the stage shows it: a tint where it was painted.
// The host keeps a mask in a picture's transparency: MASK = 1 - alpha.

/** Seen on bright and dark photographs, and unlike the colours of the paths. */
const TINT = [46, 255, 196];
const STRENGTH = 0.42;
/** A picture's own soft edges are no brush: less than this share of 1 counts as nothing. */
const LEAST = 0.02;
/** The longest side on which the region is kept; the stage is hardly ever larger. */
export const LARGEST_SIDE = 1024;

/** The size on which a region of a picture is kept. */
export function regionSize(width, height) {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/**
 * The tint of a region from RGBA pixels of which only the transparency counts, as RGBA pixels.
 *
 * Returns null where nothing was brushed.
 */
export function tintOf(pixels) {
  const tint = new Uint8ClampedArray(pixels.length);
  let brushed = false;
  for (let i = 0; i < pixels.length; i += 4) {
    const mask = 1 - pixels[i + 3] / 255;
    if (mask < LEAST) continue;
    brushed = true;
    tint.set(TINT, i);
    tint[i + 3] = 255 * STRENGTH * mask;
  }
  return brushed ? tint : null;
}

/** The same for a loaded image: a canvas to lay over the picture, or null. */
export function regionOf(image) {
  const [width, height] = regionSize(image.naturalWidth, image.naturalHeight);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const tint = tintOf(context.getImageData(0, 0, width, height).data);
  if (!tint) return null;
  context.putImageData(new ImageData(tint, width, height), 0, 0);
  return canvas;
}
