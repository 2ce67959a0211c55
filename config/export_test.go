package config

// Lines returns the line of every key in valid TOML, by its path: quoted keys, [i] for elements.
func Lines(source string) map[string]int {
	lines := map[string]int{}
	for at, line := range linesOf(source) {
		lines[string(at)] = line
	}
	return lines
}
