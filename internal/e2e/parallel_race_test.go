//go:build race

package e2e

const parallel = 2 // tests side by side; under the race detector they need the processors
