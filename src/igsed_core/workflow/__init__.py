"""Parameter file -> stages -> notebooks -> results -> book, and the command line."""
