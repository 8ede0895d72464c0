"""How a model is served: a REST service on top of `models`."""
