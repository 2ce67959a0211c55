package bench

// scenarios are all benchmarks, in the order of the table.
func scenarios() []scenario {
	return []scenario{
		acceptScenario(),
	}
}
