// The drawing as a JSON Schema (2020-12), said once: the page reads this module, and Python
// (models/drawing/document_schema.py) the JSON after "export default".
//
// x and y are in 0..1 of the picture's width and height, also outside; t (where spacing is timed)
// and hold in 0..1 of the path's own span. Keys that are not named here are kept. What a schema
// cannot say, both readers check: times go from 0 to 1 and grow, an end comes after its start.
export default {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["version", "paths"],
  "properties": {
    "version": { "const": 1 },
    "paths": { "type": "array", "items": { "$ref": "#/$defs/path" } }
  },
  "$defs": {
    "path": {
      "type": "object",
      "required": ["points"],
      "properties": {
        "id": { "type": "string" },
        "kind": { "enum": ["path", "pin"], "default": "path" },
        "curve": { "enum": ["smooth", "straight"], "default": "smooth" },
        "spacing": { "enum": ["arc", "index", "timed"], "default": "arc" },
        "ease": { "enum": ["linear", "ease_in", "ease_out", "ease_in_out"], "default": "linear" },
        "start": { "type": "number", "minimum": 0, "maximum": 1, "default": 0 },
        "end": { "type": "number", "minimum": 0, "maximum": 1, "default": 1 },
        "color": { "type": "string" },
        "points": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/point" } }
      },
      "allOf": [
        {
          "if": { "properties": { "kind": { "const": "pin" } }, "required": ["kind"] },
          "then": { "properties": { "points": { "maxItems": 1 } } }
        },
        {
          "if": {
            "properties": { "spacing": { "const": "timed" }, "points": { "minItems": 2 } },
            "required": ["spacing"]
          },
          "then": { "properties": { "points": { "items": { "required": ["t"] } } } }
        }
      ]
    },
    "point": {
      "type": "object",
      "required": ["x", "y"],
      "properties": {
        "x": { "type": "number" },
        "y": { "type": "number" },
        "t": { "type": "number" },
        "hold": { "type": "number", "minimum": 0 }
      }
    }
  }
}
