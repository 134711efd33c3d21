"""How good trained parts are: metrics, baselines, and the tables that show them."""
