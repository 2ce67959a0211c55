package bench

import "slices"

// scenarios are all scenarios, in the order of the table.
func scenarios() []scenario {
	return slices.Concat(sendingScenarios, troubleScenarios, []scenario{acceptScenario()}, latencyScenarios, fallbackScenarios, scaleScenarios, []scenario{signInsScenario})
}
