"""What all pages share in looks: names, style, displayed tables, players, sentences."""
