"""What the keys of a station's configuration mean, how their values are said and checked, and how configurations differ."""
