"""The endpoints: thin, they only translate between HTTP and the core."""
