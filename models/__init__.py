"""What a model is: networks, weights, preprocessing, registry, runtimes."""
