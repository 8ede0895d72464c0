"""Who may ask for what: API keys, their file, and the scope that each route needs."""
