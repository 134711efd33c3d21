// Inputs that only saved workflows still tell: their values stay, and are queued, without a widget.

import { register } from "./register.js";

register({
  name: "motioni2v.HiddenInputs",

  // Pages know such inputs by themselves, but older ones hide them in Nodes 2.0 alone.
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("MotionI2V")) return;
    const hidden = node.widgets?.filter((widget) => widget.options?.hidden && !widget.hidden) ?? [];
    for (const widget of hidden) widget.hidden = true;
    if (hidden.length) node.setSize([node.size[0], node.computeSize()[1]]);
  },
});
