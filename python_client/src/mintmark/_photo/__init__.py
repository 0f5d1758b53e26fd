"""Photo files as the server reads them: its own modules, generated from `ensemble/photo/`."""
